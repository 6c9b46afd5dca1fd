"""A Kafka that lets nobody in without a name, and nobody do what was not granted.

Its listener ``SASL`` takes passwords (PLAIN, SCRAM) and tokens, ``MTLS`` certificates; both are
encrypted. The plain one is the administrator's, for the tests themselves.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.ports import LOOPBACK
from ccstream.ops.acls import Right
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from tests.support.certificates import Authority

__all__ = ["PASSWORD", "SecuredKafka", "TokenEndpoint"]

PASSWORD = "correct-horse-battery"
"""Of every user of these tests; it must be found nowhere."""

_JAAS = "org.apache.kafka.common.security"


class SecuredKafka:
    """A node, its authority, and the settings of whoever comes to it."""

    def __init__(self, folder: Path, plain_users: Iterable[str]) -> None:
        self.authority = Authority(folder)
        node = self.authority.sign("kafka", LOOPBACK)
        self.node = LocalKafka(
            listeners={"SASL": "SASL_SSL", "MTLS": "SSL"},
            config=_config(node.both, self.authority.file, plain_users),
        )

    def __enter__(self) -> Self:
        self.node.start()
        self._admin = AdminClient({"bootstrap.servers": self.node.bootstrap, "log_level": 2})
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()

    def add_scram_user(self, name: str, password: str = PASSWORD) -> None:
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(name, info, password.encode())
        for future in self._admin.alter_user_scram_credentials([change]).values():
            future.result(20)

    def with_password(
        self, user: str, mechanism: str = "SCRAM-SHA-512", password: str = PASSWORD
    ) -> dict[str, Any]:
        """Settings of a user who logs in by password."""
        return {
            "kafka__bootstrap": self.node.address("SASL"),
            "kafka__security_protocol": "SASL_SSL",
            "kafka__ssl_ca_file": str(self.authority.file),
            "kafka__sasl_mechanism": mechanism,
            "kafka__sasl_username": user,
            "kafka__sasl_password": password,
        }

    def with_token(self, endpoint: TokenEndpoint, client: str) -> dict[str, Any]:
        """Settings of a user who logs in by a token."""
        return {
            "kafka__bootstrap": self.node.address("SASL"),
            "kafka__security_protocol": "SASL_SSL",
            "kafka__ssl_ca_file": str(self.authority.file),
            "kafka__sasl_mechanism": "OAUTHBEARER",
            "kafka__oauth_endpoint": endpoint.url,
            "kafka__oauth_client_id": client,
            "kafka__oauth_client_secret": PASSWORD,
        }

    def with_certificate(
        self, user: str, authority: Authority | None = None, key_password: str | None = None
    ) -> dict[str, Any]:
        """Settings of a user who logs in by certificate."""
        signed = (authority or self.authority).sign(user, password=key_password)
        made = {
            "kafka__bootstrap": self.node.address("MTLS"),
            "kafka__security_protocol": "SSL",
            "kafka__ssl_ca_file": str(self.authority.file),
            "kafka__ssl_certificate_file": str(signed.certificate),
            "kafka__ssl_key_file": str(signed.key),
        }
        return made if key_password is None else made | {"kafka__ssl_key_password": key_password}

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        Broker(Settings.load(kafka__bootstrap=self.node.bootstrap)).grant(user, rights)

    def revoke(self, user: str, topic: str) -> None:
        """Take all rights on a topic from a user."""
        found = AclBindingFilter(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        for future in self._admin.delete_acls([found]).values():
            assert future.result(20)


def _config(both: Path, authority: Path, plain_users: Iterable[str]) -> dict[str, str]:
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in plain_users)
    sasl = "listener.name.sasl"
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority),
        f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        f"{sasl}.plain.sasl.jaas.config": f"{_JAAS}.plain.PlainLoginModule required {users};",
        f"{sasl}.scram-sha-512.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
        # tokens are taken unsigned: what is tested is that ours bring one
        f"{sasl}.oauthbearer.sasl.jaas.config": (
            f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required "
            'unsecuredLoginStringClaim_sub="kafka";'
        ),
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
    }


class TokenEndpoint:
    """Gives clients who know the password a token of their own name, for some seconds."""

    def __init__(self, lifetime_s: float = 3600) -> None:
        self.lifetime_s = lifetime_s
        self.given = 0
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/token"

    @contextmanager
    def open(self) -> Iterator[Self]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(asked).items()}
                known = form.get("client_secret") == PASSWORD
                body = json.dumps(endpoint.answer(form) if known else {"error": "no"}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler

    def answer(self, form: Mapping[str, str]) -> dict[str, Any]:
        self.given += 1
        now = time.time()
        claims = {"sub": form["client_id"], "iat": now, "exp": now + self.lifetime_s}
        token = f"{_base64({'alg': 'none'})}.{_base64(claims)}."
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_s}


def _base64(record: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(record).encode()).decode().rstrip("=")
