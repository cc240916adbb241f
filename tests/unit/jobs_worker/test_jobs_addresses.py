"""Which URLs may be named, and which addresses may be connected to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.addresses import parse_networks
from servery.domain.callback_urls import MAX_URL, check_address, parse_target
from servery.errors import FaultError, InvalidInputError

LOCAL = parse_networks("127.0.0.1/32, 10.0.0.0/8")
EVERYTHING = parse_networks("0.0.0.0/0,::/0")
PUBLIC = parse_target("https://example.com/")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("HTTPS://Example.COM./a/b?c=d", "example.com", 443, "/a/b?c=d"),
        ("https://example.com:8443/x@y", "example.com", 8443, "/x@y"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:4700::1111]:1/", "2606:4700::1111", 1, "/"),
        ("https://xn--mnchen-3ya.de:65535/", "xn--mnchen-3ya.de", 65535, "/"),
        ("https://example.com?q", "example.com", 443, "/?q"),
    ],
)
def test_url_is_read_when_it_is_a_plain_one(url, host, port, path):
    target = parse_target(url)
    assert (target.host, target.port, target.path) == (host, port, path)


def test_host_header_has_the_port_only_when_it_is_not_the_schemes_own():
    assert parse_target("https://example.com:443/").authority == "example.com"
    assert parse_target("https://example.com:444/").authority == "example.com:444"
    assert parse_target("https://[2606:4700::1111]:444/").authority == "[2606:4700::1111]:444"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "https:example.com",
        "https:///path",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com:70/",
        "http://example.com/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:99999999/",
        "https://example.com:+443/",
        "https://example.com:4a/",
        "https://example.com/#fragment",
        "https://example.com/a b",
        "https://example.com/\r\nx-evil: 1",
        "https://example.com/\x00",
        "https://exam\tple.com/",
        " https://example.com/",
        "https://example.com\\@10.0.0.1/",
        "https://exämple.com/",
        "https://example.com/ü",
        "https://[::1/",
        "https://[::1]evil.com/",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
        "https://a..b/",
        "https://-a.com/",
        "https://" + "a" * 64 + ".com/",
        "https://" + "a." * 127 + "com/",
        "https://localhost/",
        "https://LocalHost./",
        "https://api.localhost/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.01/",
        "https://1.2.3.4.5/",
        "https://example.0x1/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[2002:a00:1::]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
    ],
)
def test_url_is_refused_when_it_is_not_public_or_can_be_read_in_two_ways(url):
    with pytest.raises(InvalidInputError) as refusal:
        parse_target(url)
    assert refusal.value.violations[0].field == "callback_url"


def test_url_is_refused_when_it_is_too_long():
    assert parse_target("https://example.com/".ljust(MAX_URL, "a"))
    with pytest.raises(InvalidInputError):
        parse_target("https://example.com/".ljust(MAX_URL + 1, "a"))


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "not an address",
    ],
)
def test_address_is_refused_when_it_is_not_public(address):
    with pytest.raises(InvalidInputError):
        check_address(PUBLIC, address)


@pytest.mark.parametrize("address", ["1.1.1.1", "::ffff:1.1.1.1", "2606:4700::1111"])
def test_address_is_let_through_when_it_is_public(address):
    check_address(PUBLIC, address)


def test_names_behind_nat64_are_let_through_when_what_is_behind_is_public():
    check_address(PUBLIC, "64:ff9b::1.1.1.1")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
    ],
)
def test_no_setting_opens_the_addresses_that_give_out_credentials(address):
    with pytest.raises(InvalidInputError):
        check_address(PUBLIC, address, EVERYTHING)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.9.8.7", "::ffff:10.0.0.1", "1.1.1.1"])
def test_private_address_is_let_through_when_its_network_is_allowed(address):
    check_address(PUBLIC, address, LOCAL)


@pytest.mark.parametrize("address", ["127.0.0.2", "192.168.0.1", "::1", "64:ff9b:1::1"])
def test_private_address_is_refused_when_another_network_is_allowed(address):
    with pytest.raises(InvalidInputError):
        check_address(PUBLIC, address, LOCAL)


def test_http_is_for_allowed_networks_only():
    target = parse_target("http://127.0.0.1:8080/hook", LOCAL)
    check_address(target, "127.0.0.1", LOCAL)
    with pytest.raises(InvalidInputError):
        check_address(target, "1.1.1.1", LOCAL)
    with pytest.raises(InvalidInputError):
        parse_target("http://1.1.1.1/hook", LOCAL)
    assert parse_target("http://inside.example.com/hook", LOCAL)  # its address decides


def test_what_is_told_has_no_address_in_it():
    with pytest.raises(InvalidInputError) as refusal:
        check_address(PUBLIC, "10.1.2.3")
    assert "10.1.2.3" not in repr(refusal.value.violations) + str(refusal.value)


def test_networks_are_refused_when_they_are_no_cidr():
    assert parse_networks("") == ()
    with pytest.raises(FaultError):
        parse_networks("127.0.0.1/32,local")


@given(st.integers(0, 2**32 - 1))
def test_every_form_of_an_ipv4_address_is_refused_when_the_plain_one_is(number):
    plain = ip_address(number)
    try:
        check_address(PUBLIC, str(plain))
    except InvalidInputError:
        carried = (f"::ffff:{plain}", f"64:ff9b::{plain}", f"::{plain}")
        for form in (*carried, str(ip_address((0x2002 << 112) | (number << 80)))):
            with pytest.raises(InvalidInputError):
                check_address(PUBLIC, form)
    else:
        assert plain.is_global


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for url in (text, f"https://{text}", f"https://example.com{text}"):
        try:
            target = parse_target(url)
        except InvalidInputError:
            continue
        assert target.host and target.path.startswith("/")
        assert not set(target.path + target.authority) & set("\r\n\t #\\")
