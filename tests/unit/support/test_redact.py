# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import random
import time
from urllib.parse import quote

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.names import is_secret
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.redact import Redactor

# In pieces, so that nothing takes them for real ones.
BEGIN, END = "-----BEGIN PRIVATE" + " KEY-----", "-----END PRIVATE" + " KEY-----"

# The secret is SEKRET, whatever stands around it; the rest of the text stays.
LOOKS_LIKE_ONE = {
    "a DSN": "host=x user=y password=SEKRET dbname=z",
    "a DSN with quotes": "host=x password='SEK RET''SEKRET' dbname=z",
    "a URL": "postgres://u:SEK@RET:SEKRET@db1:5432/shop?sslmode=require",
    "conninfo": "primary_conninfo = 'user=replicator password=SEKRET sslkey=/etc/matriarch/tls/host.key'",
    "YAML": "replication:\n  password: SEKRET with blanks\n  username: z",
    "YAML, a flow": 'superuser: {username: postgres, password: "SEK\\"RET SEKRET", port: 1}',
    "YAML, a block": "client_key: |\n  SEKRET\n\n  SEKRET\nport: 1",
    "YAML, a list": "passwords:\n- SEKRET\n- SEKRET\nport: 1",
    "YAML, a folded text": "password: 'SEKRET\n  SEKRET'\nport: 1",
    "a list of maps": "users:\n- password: SEKRET\n  name: z",
    "INI": "repo1-cipher-pass=SEKRET\nrepo1-s3-key=SEKRET\nrepo1-s3-key-secret=SEKRET/+=\nrepo1-type=s3",
    "a comment": "#password = SEKRET",
    "an environment": "export AWS_SECRET_ACCESS_KEY=SEKRET",
    "a unit": 'Environment="PGPASSWORD=SEKRET"',
    "JSON": '{"a": [{"password": "SEKRET", "n": 1}], "keys": ["SEKRET", {"x": "SEKRET"}], "dsn": "password=SEKRET"}',
    "JSON within JSON": r'{"text": "{\"password\": \"SEK RET SEKRET\", \"port\": 1}"}',
    "JSON in a log": '2026-11-26T19:00:00 db1 x[1]: {"token":"SEKRET","port":1}',
    "a short name in YAML": "APP_PW: SEKRET",
    "a short name in a log": "it connects with db_pw=SEKRET dbname=z",
    "a command that prints it": "ssl_passphrase_command = 'echo SEKRET'",
    "HCL": 'secret_key   = "SEK\\"RET SEKRET"  # of the storage',
    "a here-document": "token = <<EOT\nSEKRET\nEOT\nport = 1",
    "SQL": "STATEMENT:  ALTER ROLE x PASSWORD 'SE''KRET SEKRET' LOGIN",
    "SQL, dollars": "CREATE ROLE x ENCRYPTED PASSWORD $a$SEKRET$a$ LOGIN",
    "SQL, a server's options": "CREATE SERVER x OPTIONS (access_key 'SEKRET', secret_key 'SEKRET', port '1')",
    "SQL, cut off": "ALTER ROLE x PASSWORD 'SEKRET",
    "a verifier": "SCRAM-SHA-256$4096:c2FsdA==$SEKRETa+/=:SEKRETb+/= is kept",
    "a list of users": '"odoo" "SEKRET"\n"root" ""',
    "a .pgpass": "10.0.0.1:5432:*:admin:SEKRET",
    "a header": "Authorization: Basic SEKRETSEKRET==",
    "a header in a dict": "GET / {'Authorization': 'Bearer SEKRET.a.b', 'Accept': '*/*'}",
    "a token": "sent Bearer SEKRETSEKRETSEKRET",
    "an option": "curl --user-token SEKRET --cacert /etc/ca",
    "XML": "<db><password>SEKRET</password><port>1</port></db>",
    "HAProxy": "    stats auth admin:SEKRET\n    user x insecure-password SEKRET",
    "keepalived": "    auth_pass SEKRET",
    "a private key": f"{BEGIN}\nMIIESEKRET\nSEKRET==\n{END}\nport 1",
    "a private key in a line": f'"{BEGIN}\\nSEKRET\\n{END}" and',
    "a private key in a journal": f"t x[1]: {BEGIN}\nt x[1]: MIIESEKRET\nt x[1]: {END}\nt x[1]: goes on",
    "the end of a private key": f"MIIESEKRET\nSEKRET==\n{END}\nport 1",
    "the beginning of a private key": f"port 1\n{BEGIN}\nMIIESEKRET\nSEKRET==",
}
AWS = ("AKIA" + "ABCDEFGHIJKLMNOP", "ASIA" + "ABCDEFGHIJKLMNOP")
HARMLESS = (
    'FATAL:  password authentication failed for user "admin"',
    "password_encryption = scram-sha-256",
    "ssl_key_file: /etc/matriarch/tls/host.key",
    "sslkey=/etc/matriarch/tls/host.key",
    "ETCD_KEY_FILE=/etc/matriarch/tls/host.key",
    "auth_file = /etc/pgbouncer/userlist.txt",
    "auth_query: SELECT usename, passwd FROM matriarch.pooler_login($1)",
    "hostssl all all 10.0.0.0/8 scram-sha-256",
    "log_line_prefix: '%m [%p] %q%u@%d/%a '",
    'DETAIL:  Key (id)=(5) already exists.',
    "https://10.0.0.1:2379,https://10.0.0.2:2379",
    "2026-11-26T19:00:00.123+0000 db1 patroni[17]: INFO: no action. I am (db1), the leader with the lock",
    '"root" ""',
    "password: null",
)  # fmt: skip


@pytest.mark.parametrize("text", LOOKS_LIKE_ONE.values(), ids=LOOKS_LIKE_ONE.keys())
class TestWhatLooksLikeASecret:
    def test_it_is_removed(self, text: str) -> None:
        redacted, removed = Redactor().text(text)
        assert "SEKRET" not in redacted
        assert removed > 0

    def test_a_second_time_there_is_nothing_left_to_remove(self, text: str) -> None:
        redacted, _found = Redactor().text(text)
        assert Redactor().text(redacted)[0].strip() == redacted.strip()

    def test_what_stands_around_it_stays(self, text: str) -> None:
        redacted, _found = Redactor().text(text)
        for word in ("dbname", "db1", "sslmode", "username", "port", "name", "LOGIN", "goes on", "is kept", "cacert"):
            assert (word in text) == (word in redacted)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_helps_to_find_a_cause_stays(line: str) -> None:
    assert Redactor().text(line) == (line, 0)


def test_keys_of_a_storage_are_known_by_their_form() -> None:
    redacted, removed = Redactor().text(f"asked as {AWS[0]}, then as {AWS[1]}")
    assert (redacted, removed) == ("asked as <removed>, then as <removed>", 1)


def test_a_name_beside_a_value_tells_what_it_is() -> None:
    pairs = [
        {"name": "db_password", "value": "planted"},
        {"key": "lag", "value": 7},
        {"name": "api_token", "setting": "x1"},
    ]
    redacted = json.loads(Redactor().text(json.dumps(pairs))[0])
    assert [pair.get("value", pair.get("setting")) for pair in redacted] == ["<removed>", 7, "<removed>"]


def test_json_stays_json() -> None:
    redacted, _found = Redactor().text(
        json.dumps({"token": 12345, "secrets": {"a": ["b"]}, "lag": 7, "off": {"key": None}})
    )
    assert json.loads(redacted) == {
        "token": "<removed>",
        "secrets": {"a": ["<removed>"]},
        "lag": 7,
        "off": {"key": None},
    }


def variants(secret: str) -> list[str]:
    return [
        f"in the middle of{secret}words",
        json.dumps({"text": f"a {secret}"}),
        f"https://storage/?q={quote(secret, safe='')}",
        f"SELECT '{secret.replace(chr(39), chr(39) * 2)}'",
        repr(f"x {secret}"),
        f"x {base64.b64encode(secret.encode()).decode()}",
        *(f"t x[1]: {line} END" for line in secret.splitlines()),
    ]


@pytest.mark.parametrize("secret", ["kQ7pL2xW9vTz", "o\"dd's {{ x }} %s $1;--", "pässwörd Ⅸ", "back\\slash&amp"])
def test_a_known_secret_is_found_wherever_it_stands(secret: str) -> None:
    redactor = Redactor([secret])
    for text in variants(secret):
        redacted, removed = redactor.text(text)
        assert removed > 0, text
        for spelling in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
            assert spelling not in redacted


def test_a_secret_of_two_lines_is_found_in_a_journal_that_has_a_line_for_each() -> None:
    redacted, _found = Redactor(["first half\nsecond half"]).text("t x[1]: 'first half\nt x[1]: second half'\n")
    assert redacted == "t x[1]: '<removed>\nt x[1]: <removed>'\n"


def test_a_short_secret_is_a_word_of_its_own() -> None:
    """A password of three letters, taken out everywhere, would leave no text to read."""
    assert Redactor(["cat"]).text("the cat, concatenated")[0] == "the <removed>, concatenated"


def test_random_secrets_in_random_places_are_found() -> None:
    chance = random.Random(7)
    signs = "".join(chr(code) for code in range(33, 127)) + "äé "
    for _turn in range(200):
        secret = "x" + "".join(chance.choices(signs, k=chance.randint(8, 40))) + "x"
        around = "".join(chance.choices(signs + "\n", k=30)), "".join(chance.choices(signs + "\n", k=30))
        assert secret not in Redactor([secret]).text(secret.join(around))[0]


def test_a_long_line_costs_no_long_time() -> None:
    """Patterns must not go back and forth over a line of a megabyte."""
    began = time.process_time()
    for text in ("a" * 2**20, "password" * 2**17, "://" * 2**18, "'" * 2**18 + "token=", "key: " * 2**17, "\\" * 2**20):
        Redactor(["kQ7pL2xW9vTz"]).text(text)
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("ansible_become_password", True),
        ("repo1-cipher-pass", True),
        ("repo1-cipher-type", False),
        ("secretKey", True),
        ("ssl_key_file", False),
        ("pgcluster_secrets_directory", False),
        ("compass", False),
        ("passed", False),
        ("X-Auth-Token", True),
        ("rolpassword", True),
    ],
)
def test_names_tell_a_secret(name: str, secret: bool) -> None:
    assert is_secret(name) is secret
