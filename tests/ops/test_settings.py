from __future__ import annotations

from pathlib import Path

import pytest

from ccstream.errors import OptionError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.ops.settings_sources import known_paths


def refusal(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(**overrides)
    return str(caught.value)


def test_defaults_are_a_broker_on_this_machine() -> None:
    settings = Settings.load()
    assert settings.kafka.bootstrap == "127.0.0.1:9092"
    assert settings.kafka.partitions == 8
    assert settings.web.port == 6066


def test_the_command_line_beats_the_environment_beats_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ccstream.toml").write_text(
        'app_id = "filed"\n[kafka]\nbootstrap = "file:1"\npartitions = 3\nclient_id = "file"\n'
    )
    monkeypatch.setenv("CCSTREAM_KAFKA__BOOTSTRAP", "env:2")
    monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "4")
    settings = Settings.load(kafka__bootstrap="cli:3")
    assert settings.kafka.bootstrap == "cli:3"
    assert settings.kafka.partitions == 4
    assert settings.kafka.client_id == "file"
    assert settings.app_id == "filed"


def test_an_override_of_none_is_not_given() -> None:
    assert Settings.load(kafka__bootstrap=None).kafka.bootstrap == "127.0.0.1:9092"


def test_a_named_file_is_read_instead_of_the_one_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ccstream.toml").write_text('app_id = "here"')
    (tmp_path / "other.toml").write_text('app_id = "there"')
    monkeypatch.setenv("CCSTREAM_CONFIG", str(tmp_path / "other.toml"))
    assert Settings.load().app_id == "there"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CCSTREAM_KAFKA__BOOTSTRAB", "CCSTREAM_KAFKA__BOOTSTRAP"),
        ("CCSTREAM_WEB_PORT", "CCSTREAM_WEB__PORT"),
        ("CCSTREAM_APPID", "CCSTREAM_APP_ID"),
        ("ccstream_kafka__boostrap", "CCSTREAM_KAFKA__BOOTSTRAP"),
    ],
)
def test_a_mistyped_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert name in refusal()
    assert nearest in refusal()


def test_the_variables_that_kubernetes_adds_for_a_service_of_our_name_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CCSTREAM_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("CCSTREAM_SERVICE_PORT", "6066")
    monkeypatch.setenv("CCSTREAM_SERVICE_PORT_METRICS", "6066")
    monkeypatch.setenv("CCSTREAM_WEB_PORT", "tcp://10.0.0.1:6066")
    monkeypatch.setenv("CCSTREAM_PORT_6066_TCP_ADDR", "10.0.0.1")
    assert Settings.load().web.port == 6066


def test_a_mistyped_key_of_the_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "ccstream.toml").write_text("[kafka]\npartition = 3\n")
    message = refusal()
    assert "kafka.partition " in message
    assert "kafka.partitions" in message
    assert "ccstream.toml" in message


def test_a_section_that_is_a_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ccstream.toml").write_text("kafka = 3\n")
    assert "kafka" in refusal()


def test_an_override_that_no_setting_has_is_refused() -> None:
    assert "kafka.bootstrp" in refusal(kafka__bootstrp="x:1")


def test_a_value_out_of_bounds_is_told_with_its_setting_its_place_and_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "0")
    message = refusal()
    assert "kafka.partitions" in message
    assert "CCSTREAM_KAFKA__PARTITIONS" in message
    assert "greater than or equal to 1" in message


def test_a_wrong_value_is_told_with_the_place_that_it_comes_from_and_not_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ccstream.toml").write_text("[kafka]\npartitions = 0\n[cart]\nlines_max = 0")
    assert "kafka.partitions (in ccstream.toml)" in refusal()
    monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "-1")
    assert "kafka.partitions (environment variable CCSTREAM_KAFKA__PARTITIONS)" in refusal()
    message = refusal(kafka__partitions=-2)
    assert "kafka.partitions (given as an option or argument)" in message
    assert "cart.lines_max (in ccstream.toml)" in message
    message = refusal(touch__lookback_days="many", given_in={"touch__lookback_days": "in r.toml"})
    assert "touch.lookback_days (in r.toml)" in message


def test_a_secret_that_is_wrong_is_told_with_the_place_that_names_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = tmp_path / "short"
    short.write_text("abc")
    (tmp_path / "ccstream.toml").write_text(f'[privacy]\nerasure_key_file = "{short}"\n')
    assert "privacy (in ccstream.toml): erasure_key has fewer than 32" in refusal()
    monkeypatch.setenv("CCSTREAM_PRIVACY__ERASURE_KEY_FILE", str(short))
    variable = "(environment variable CCSTREAM_PRIVACY__ERASURE_KEY_FILE)"
    assert f"privacy {variable}: erasure_key has fewer than 32" in refusal()
    with pytest.raises(OptionError, match="given as an option or argument"):
        Settings.load(privacy__erasure_key_file=str(short))


def test_a_setting_of_a_section_in_json_is_told_with_the_sections_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ccstream.toml").write_text("[web]\nport = 1\n[cart]\nlines_max = 0\n")
    monkeypatch.setenv("CCSTREAM_WEB", '{"port": 70000}')
    monkeypatch.setenv("CCSTREAM_CART", "{}")
    message = refusal()
    assert "web.port (environment variable CCSTREAM_WEB)" in message
    assert "cart.lines_max (in ccstream.toml)" in message
    monkeypatch.setenv("CCSTREAM_WEB__PORT", "70001")
    assert "web.port (environment variable CCSTREAM_WEB__PORT)" in refusal()


def test_a_section_is_not_told_as_given_for_another_setting_in_it_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__SASL_PASSWORD_FILE", "nowhere")
    message = refusal(kafka__bootstrap="a:1")
    assert (
        "(environment variable CCSTREAM_KAFKA__SASL_PASSWORD_FILE): sasl_password_file" in message
    )


def test_only_what_is_given_is_the_fault_of_who_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError):
        Settings.load(kafka__partitions=0)
    monkeypatch.setenv("CCSTREAM_CART__LINES_MAX", "0")
    with pytest.raises(SettingsError) as refused:
        Settings.load(kafka__partitions=0)
    assert not isinstance(refused.value, OptionError)


@pytest.mark.parametrize("text", ["", "nowhere", "host:", "host:0", "host:99999", "a:1,b", "a b:1"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    assert "kafka.bootstrap" in refusal(kafka__bootstrap=text)


@pytest.mark.parametrize("text", ["a:1", "a:1, b-2.example.com:9093", "[::1]:9092", "10.0.0.1:9"])
def test_an_address_or_several_are_taken(text: str) -> None:
    assert Settings.load(kafka__bootstrap=text).kafka.bootstrap == text.replace(" ", "")


def test_a_file_that_is_not_there_or_no_toml_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ccstream.toml").write_text("kafka = [")
    assert "no TOML" in refusal()
    monkeypatch.setenv("CCSTREAM_CONFIG", "nowhere.toml")
    assert "nowhere.toml cannot be read" in refusal()


def test_a_secret_is_read_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    settings = Settings.load(
        kafka__security_protocol="SASL_SSL",
        kafka__sasl_username="u",
        kafka__sasl_password_file=str(tmp_path / "password"),
    )
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "hunter2"


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    message = refusal(
        kafka__sasl_password="x", kafka__sasl_password_file=str(tmp_path / "password")
    )
    assert "both given" in message


def test_no_secret_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("CCSTREAM_REGISTRY__PASSWORD", "hunter2")
    assert "hunter2" not in refusal()  # as the protocol would ignore it
    monkeypatch.setenv("CCSTREAM_KAFKA__SASL_USERNAME", "ann")
    monkeypatch.setenv("CCSTREAM_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    assert "hunter2" not in repr(Settings.load())
    assert "hunter2" not in refusal(kafka__partitions=0)
    monkeypatch.delenv("CCSTREAM_KAFKA__SASL_USERNAME")
    assert "hunter2" not in refusal()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"kafka__security_protocol": "SASL_SSL"}, "sasl_username"),
        ({"kafka__ssl_key_file": __file__}, "ssl_certificate_file"),
        ({"kafka__ssl_ca_file": "nowhere.pem"}, "nowhere.pem is no file"),
        ({"kafka__sasl_mechanism": "PLAIN"}, "kafka.security_protocol is PLAINTEXT"),
        ({"kafka__sasl_username": "ann"}, "sasl_username would be ignored: set it to SASL_SSL"),
        ({"kafka__oauth_token_file": __file__}, "oauth_token_file would be ignored"),
        ({"kafka__ssl_ca_file": __file__}, "ssl_ca_file would be ignored: set it to SSL"),
        ({"commit__urgent_interval_ms": 201}, "interval_ms"),
        ({"group__heartbeat_interval_ms": 5000}, "session_timeout_ms"),
        ({"wire__framing": "confluent"}, "registry.url"),
        ({"registry__url": "ftp://x"}, "registry.url"),
        ({"channels_extra": "Kiosk"}, "Kiosk"),
        ({"channels_extra": "kiosk,kiosk"}, "twice"),
        ({"app_id": "My App"}, "app_id"),
        ({"log__format": "xml"}, "console"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    overrides: dict[str, object], said: str
) -> None:
    assert said in refusal(**overrides)


def test_channels_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCSTREAM_CHANNELS_EXTRA", "kiosk, marketplace")
    assert Settings.load().channels_extra == ("kiosk", "marketplace")


def test_each_setting_says_what_it_is_and_each_number_has_bounds() -> None:
    schema = Settings.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            if "$ref" in field:
                continue
            assert field.get("description"), name
            if field.get("type") == "integer":
                assert "minimum" in field, name
                assert "maximum" in field, name


def test_each_secret_can_come_from_a_file() -> None:
    schema = Settings.model_json_schema()
    secret_fields = {
        name
        for model in schema["$defs"].values()
        for name, field in model["properties"].items()
        if any(option.get("format") == "password" for option in field.get("anyOf", ()))
    }
    files = {path[-1] for path in known_paths(Settings) if len(path) == 2}
    assert secret_fields
    assert {f"{name}_file" for name in secret_fields} <= files
