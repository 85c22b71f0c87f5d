# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifiers are those that PostgreSQL makes."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.scram import (
    FilterModule,
    prepared,
    scram_verifier,
    verifier,
)

# Password, salt, StoredKey, ServerKey: read from pg_authid of a PostgreSQL 15 that was given these passwords.
FROM_POSTGRESQL = [
    (
        "pencil",
        "/0Qrp37kze2EoymAmWPWAg==",
        "0bzZFFz+ruPGlShl0D/urZD67cE7pE4Nm2DZPLRUwKA=",
        "xndCJux72es/2t/eTf1gyj3GgDJow8o+fHarCVlwWU8=",
    ),
    (
        "I\u00adX",
        "cEFEAY3P/TsivwRK6c21bA==",
        "5+ldbChAUD7V9445y0gZvZnZRy6XEMVWxYXREOcTqlc=",
        "sEmaVPLLtN8Q5IKLsr+gYI3IB+WyTjOguT3pbje4xH8=",
    ),
    (
        "\u2168",
        "iovngGK4OgZVM/TWRp9MfQ==",
        "PZxnQL7MQ6MOJwQF2plxbnGLL21GymI/ltZ/vfZ6oDk=",
        "TWmOAXMbx8bnDXehh6nIOh2jrWdmE0TYCZ8q9w0h4gw=",
    ),
    (
        "a\u00a0b",
        "L1TSFtwJxUOXs2H3kBApyQ==",
        "DP/C8PLVNaGJBvbzYC2JImANj3Z5ybaLkkSoKqN0z/8=",
        "h9zNQpEau+3/jXPtJ61SamQEmzyBJwD53y87UxDk8SI=",
    ),
    (
        "\u06271",
        "F7VNxGOdPVe2Ch6fF2uKdg==",
        "2EPHk/fg9q8mMx1fBgGjHZ97w/7k5N/QfUSl3BOw0IE=",
        "iv9pn4pyDgl6en8u+wFOmPshlv3miO0NoewZpD7fFtI=",
    ),
    (
        "\u00ad",
        "p5jUTNUjz2SvXPdfIQtAfg==",
        "vqeDc6GULj1b6WZYFdgZrtjKX1Iri0qdOPzP/jjdhlM=",
        "J/1/Wa6ZhJUPL1otr+CuYQ45+gIC/Esppzz7xd6/7Ow=",
    ),
    (
        "\u00e9\u0001",
        "Ulx7Clp99MsdLKmI+fhJtA==",
        "d3hid2bl/CSd5aq4FnjAtEVnh8zeJ7r3BeikWu0PIGo=",
        "mfO9VR29chV/7MlWaBK8aDrzezuy18IAJEStxxH/ugo=",
    ),
    (
        "\u0340\u00e9",
        "2JtBEAYgOWSvw+HkKtyptg==",
        "65KxhpTDKs96/DWhaUdIvcTha2xSz/xxvzQ5zuO0tYA=",
        "wJt7WSSw5WIiVUYiEUcDY+iYyxZIkXL+ZJocsIlrfzg=",
    ),
    (
        "\u200b\u00e9",
        "dOP8ZTXCC3brj+vqXdkDmw==",
        "+2jtpBZVZ8lUYn3u5D13+jOxSezqsNyrWPBoD16WqPU=",
        "yMhItMxYnckHtsetpf/9pii39UuCm3G7xo9DJ6mlbY0=",
    ),
]


@pytest.mark.parametrize(("password", "salt", "stored_key", "server_key"), FROM_POSTGRESQL)
def test_postgresql_makes_the_same(password, salt, stored_key, server_key):
    assert verifier(password, b64decode(salt)) == f"SCRAM-SHA-256$4096:{salt}${stored_key}:{server_key}"


def test_the_example_of_rfc_7677():
    """The RFC shows an exchange; its server signature follows from the server key."""
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    server_key = b64decode(verifier("pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")).rpartition(":")[2])
    signature = hmac.new(server_key, message, "sha256").digest()
    assert signature == b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("plain $'\"\\ {{ x }}", "plain $'\"\\ {{ x }}"),
        ("\t\x7f", "\t\x7f"),
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u200b\u00e9", " \u00e9"),
        # Refused by SASLprep, and so taken as they are: nothing left, control, private, unassigned, mixed directions.
        ("\u00ad", "\u00ad"),
        ("\u00e9\u0001", "\u00e9\u0001"),
        ("\ue000", "\ue000"),
        ("\u0221\u2168", "\u0221\u2168"),
        ("\u06271", "\u06271"),
        ("\u0627a\u0628", "\u0627a\u0628"),
        ("\u06271\u0628", "\u06271\u0628"),
    ],
)
def test_preparation(password, expected):
    assert prepared(password) == expected


def test_the_same_salt_text_gives_the_same_verifier():
    made = FilterModule().filters()["scram_verifier"]("pencil", "main/admin")
    assert made == scram_verifier("pencil", "main/admin")
    assert made == verifier("pencil", hashlib.sha256(b"main/admin").digest()[:16])
    others = {scram_verifier("pencil", "main/app"), scram_verifier("pencil2", "main/admin")}
    assert made not in others
    assert len(others) == 2


@pytest.mark.parametrize(
    ("password", "salt"), [("", "x"), (None, "x"), ("a\0b", "x"), (5, "x"), ("p", ""), ("p", None)]
)
def test_senseless_input_is_refused_without_showing_it(password, salt):
    with pytest.raises(AnsibleFilterError) as refused:
        scram_verifier(password, salt)
    assert "a\0b" not in str(refused.value)
