"""Which FHIR servers may be asked, and which pages lie on them."""

from __future__ import annotations

import pytest

from cds.fhir.access import granted
from cds.fhir.bases import BaseRefused, matching, page, registered
from cds.fhir.breaker import Breaker
from cds.hooks.request import request

BASE = "https://ehr.example.org/fhir/r4"


@pytest.mark.parametrize("url", [BASE, BASE + "/", "https://ehr.example.org", "https://ehr.example.org:8443/a-b_c~d/R4", "https://10.example.org/x"])
def test_an_https_base_is_registered_without_its_last_slash(url: str):
    assert registered([url, url], local=False) == (url.removesuffix("/"),)


@pytest.mark.parametrize("url, says", [
    *((one, "is not the base URL") for one in ("", "ehr.example.org", "ftp://ehr.example.org", "https://", "https:///fhir", "https://u@ehr.example.org", "https://u:p@e.org/x",
                                               BASE + "?x=1", BASE + "#x", BASE + "//", BASE + "/../x", BASE + "/%2e%2e/x", "https://a b", "https://ehr.example.org\\@x",
                                               "https://éhr.example.org", "HTTPS://ehr.example.org ?")),
    *((one, "loopback or private") for one in ("https://127.0.0.1/fhir", "https://localhost/fhir", "https://10.1.2.3", "https://192.168.1.1:8443/x", "https://169.254.169.254",
                                               "https://[::1]/fhir", "https://[fd00::1]/fhir", "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://ehr.localhost")),
    ("http://ehr.example.org/fhir", "is not encrypted"), ("https://ehr.example.org:99999", "cannot be one")])
def test_any_other_base_is_refused_with_the_reason(url: str, says: str):
    with pytest.raises(BaseRefused, match=says) as refused:
        registered([url], local=False)
    assert f"`{url}`" in str(refused.value)


def test_local_bases_need_the_switch_and_may_then_be_unencrypted_but_public_ones_never():
    local = ("http://127.0.0.1:8080/fhir", "http://localhost/fhir", "http://[::1]:80", "https://10.0.0.1")
    assert registered(local, local=True) == local
    with pytest.raises(BaseRefused, match="not encrypted"):
        registered(["http://ehr.example.org/fhir"], local=True)


@pytest.mark.parametrize("sent", [
    "https://ehr.example.org.evil.example/fhir/r4", "https://ehr.example.org/fhir/r4x", "https://ehr.example.org/fhir/r4//", "https://ehr.example.org/fhir", BASE + "?", BASE + "/x",
    "https://ehr.example.org@evil.example/fhir/r4", "https://evil.example\\@ehr.example.org/fhir/r4", "https://EHR.example.org/fhir/r4", "http://ehr.example.org/fhir/r4",
    " " + BASE, BASE + " ", "", "/", None])
def test_only_exactly_the_registered_text_matches(sent: str | None):
    assert matching(sent, [BASE]) is None


def test_the_registered_text_is_what_is_used():
    assert matching(BASE + "/", [BASE]) is matching(BASE, [BASE]) == BASE


@pytest.mark.parametrize("link, url", [
    (BASE + "?_getpages=1", BASE + "?_getpages=1"), (BASE + "/Condition?page=2", BASE + "/Condition?page=2"), ("Condition?page=2", BASE + "/Condition?page=2"),
    ("/fhir/r4/Condition?p=../x", BASE + "/Condition?p=../x"), ("?_getpages=1", BASE + "/?_getpages=1"),
    *((one, None) for one in ("https://evil.example/fhir/r4/x", "//evil.example/x", BASE + "@evil.example/x", BASE + ".evil.example", BASE + "x/y", BASE + ":80/x", BASE,
                              BASE + "/../admin", BASE + "/%2e%2e/admin", BASE + "/%252e%252e/admin", BASE + "/a/./b", BASE + "/..\\x", "/admin", "../../x", BASE + "/x#y",
                              BASE + "/x y", BASE + "/x\n", "http://ehr.example.org/fhir/r4/x", "javascript:x", "", BASE + "/" + "x" * 9000))])
def test_a_page_is_followed_only_on_the_registered_base(link: str, url: str | None):
    assert page(BASE, link) == url


def test_a_token_is_shown_nowhere():
    access = granted({"access_token": "s3cret", "token_type": "Bearer", "expires_in": 60}, 100.0)
    assert access.header == "Bearer s3cret" and access.until == 160 and not access.refused
    asked = request({"hook": "patient-view", "hookInstance": "x", "context": {"patientId": "p"}, "fhirAuthorization": {"access_token": "s3cret"}})
    assert asked.authorization == {"access_token": "s3cret"} and "s3cret" not in repr(access) + str(access) + f"{access}" + repr(asked)


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_request_try():
    breaker = Breaker(failures=3, rest=10)
    for fine in (False, False, True, False, False):
        assert breaker.allows(0)
        breaker.note(fine, 0)
    assert breaker.allows(1)
    breaker.note(False, 1)
    assert breaker.open and not breaker.allows(10.9)
    assert [breaker.allows(11), breaker.allows(11)] == [True, False], "one at a time"
    breaker.note(None, 11)
    assert breaker.allows(12), "the one that tried was never sent"
    breaker.note(False, 12)
    assert not breaker.allows(21) and breaker.allows(22)
    breaker.note(True, 22)
    assert not breaker.open and breaker.allows(22)
