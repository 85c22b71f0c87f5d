# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCRAM verifiers, so that PostgreSQL gets a password's proof and never the password.

RFC 5802 and 7677 say how a verifier is computed, RFC 4013 (SASLprep) how a password is prepared. PostgreSQL departs
from the latter: it takes a password as it is when it is plain ASCII or SASLprep refuses it (src/common/saslprep.c).
"""

from __future__ import annotations

import hashlib
import hmac
import stringprep
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

ITERATIONS = 4096
"""PostgreSQL's default (scram_iterations), and the only number before version 16."""

SALT_BYTES = 16
"""As many as PostgreSQL makes itself."""

PROHIBITED = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
"""Code points that a prepared password may not contain; A.1 are those that Unicode 3.2 did not know."""


def scram_verifier(password: str, salt: str) -> str:
    """The same password and salt text give the same verifier, so that setting it again changes nothing."""
    if not isinstance(password, str) or not password or "\0" in password:
        raise AnsibleFilterError("scram_verifier needs a password: a text that is not empty and has no NUL in it")
    if not isinstance(salt, str) or not salt:
        raise AnsibleFilterError("scram_verifier needs a salt: a text that no other login has")
    return verifier(password, hashlib.sha256(salt.encode()).digest()[:SALT_BYTES])


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """What PostgreSQL keeps in pg_authid.rolpassword: SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password).encode(), salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server_key = _hmac(salted, b"Server Key")
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def prepared(password: str) -> str:
    """The password as PostgreSQL and its clients hash it."""
    if password.isascii():
        return password
    # A zero width space is in both tables, and becomes a space in PostgreSQL.
    spaced = (" " if stringprep.in_table_c12(char) else char for char in password)
    mapped = "".join(char for char in spaced if not stringprep.in_table_b1(char))
    # PostgreSQL looks at the text before normalisation, where the RFC looks at it afterwards.
    refused = not mapped or any(table(char) for char in mapped for table in PROHIBITED) or _mixes_directions(mapped)
    return password if refused else unicodedata.normalize("NFKC", mapped)


def _mixes_directions(text: str) -> bool:
    """RFC 3454, section 6: text from right to left must begin and end so, and hold nothing from left to right."""
    if not any(stringprep.in_table_d1(char) for char in text):
        return False
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends or any(stringprep.in_table_d2(char) for char in text)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"scram_verifier": scram_verifier}
