# SPDX-License-Identifier: MIT
"""Cases: the request line, methods, versions, Host, the target's forms, and header fields."""

from .case import byte_name, closed, get, head, kept, refused

H = "Host: a"
CONTROLS = [chr(c) for c in [*range(1, 9), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f]]
SEPARATORS = list('()<>@,;\\"/[]?={}')

REQUEST_LINE = [
    kept("a plain request", "9112-3/line", get(), saw="GET /? HTTP/1.1\n"),
    kept("an empty line before the request", "9112-2.2/empty-line", "\r\n" + get()),
    kept("two empty lines before the request", "9112-2.2/empty-line", "\r\n\r\n" + get()),
    refused("a bare LF before the request", "9112-2.2/bare-lf", "\n" + get()),
    refused("a bare CR before the request", "9112-2.2/bare-cr", "\r" + get()),
    refused("CR CR LF before the request", "9112-2.2/bare-cr", "\r\r\n" + get()),
    refused("a space before the method", "9112-3/line", " " + get()),
    refused("a tab before the method", "9112-3/line", "\t" + get()),
    refused("a space after an empty line", "9112-3/line", "\r\n " + get()),
    refused("two spaces after the method", "9112-3/single-space", head("GET  / HTTP/1.1", H)),
    refused("two spaces after the target", "9112-3/single-space", head("GET /  HTTP/1.1", H)),
    refused("a tab after the method", "9112-3/single-space", head("GET\t/ HTTP/1.1", H)),
    refused("a tab after the target", "9112-3/single-space", head("GET /\tHTTP/1.1", H)),
    refused("a space after the version", "9112-3/single-space", head("GET / HTTP/1.1 ", H)),
    refused("a tab after the version", "9112-3/single-space", head("GET / HTTP/1.1\t", H)),
    refused("a fourth word", "9112-3/line", head("GET / HTTP/1.1 x", H)),
    refused("a space in the target", "9112-3.2/no-space", head("GET /a b HTTP/1.1", H)),
    refused("no target", "9112-3/line", head("GET HTTP/1.1", H)),
    refused("an empty target", "9112-3/line", head("GET  HTTP/1.1", H)),
    refused("no version", "9112-3/line", head("GET /", H)),
    refused("no version, and the end", "9112-3/line", "GET /\r\n\r\n"),
    refused("a bare LF ends the request line", "9112-2.2/bare-lf",
            "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    refused("a bare CR ends the request line", "9112-2.2/bare-cr",
            "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    refused("CR CR LF ends the request line", "9112-2.2/bare-cr",
            "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    refused("NUL in the request line", "9112-3/line", head("GET /\0 HTTP/1.1", H)),
    refused("TLS instead of HTTP", "9112-2.2/no-http", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"),
    refused("binary zeros", "9112-2.2/no-http", "\0\0\0\0\0\0\0\0"),
    refused("JSON", "9112-2.2/no-http", '{"a": 1}\r\n\r\n'),
    refused("a response", "9112-2.2/no-http", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            501),
]

METHODS = [
    *[kept(f"the method {method}", "9110-9.1/methods",
           f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
           saw=f"{method} /? HTTP/1.1\n")
      for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND",
                     "REPORT", "PURGE", "LINK", "MKCOL")],
    kept("HEAD has no content", "9110-9.3.2/head", head("HEAD / HTTP/1.1", H), "200-"),
    *[refused(f"the unknown method {method}", "9110-9.1/unknown", head(f"{method} / HTTP/1.1", H),
              501)
      for method in ("BREW", "GETX", "GE", "G", "FOO-BAR", "HELLO")],
    *[refused(f"the method {method} in other letters", "9110-9.1/case",
              head(f"{method} / HTTP/1.1", H), 501)
      for method in ("get", "Get", "gET", "pOST", "head")],
    *[refused(f"{method}, a method of another protocol", "9110-9.1/unknown",
              head(f"{method} / HTTP/1.1", H), 501)
      for method in ("SOURCE", "DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE", "TEARDOWN",
                     "QUERY", "GET_PARAMETER", "SET_PARAMETER", "REDIRECT", "RECORD", "FLUSH")],
    *[refused(f"{byte_name(c)} in a method", "9110-5.6.2/token", head(f"G{c}ET / HTTP/1.1", H))
      for c in SEPARATORS],
    refused("a method with a high byte", "9110-5.6.2/token", head("G\xe9T / HTTP/1.1", H)),
    kept("a method that the resource lacks", "9110-15.5.6/allow",
         head("LOCK /x HTTP/1.1", H), 405),
]

VERSIONS = [
    closed("HTTP/1.0 without anything", "9110-2.5/lower", "GET / HTTP/1.0\r\n\r\n",
           saw="HTTP/1.0\n"),
    *[refused(f"the version {version}", "9110-15.6.6/major", head(f"GET / HTTP/{version}", H), 505)
      for version in ("0.9", "2.0", "3.0", "1.2", "1.9", "9.9")],
    refused("the preface of HTTP/2", "9110-15.6.6/major", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    *[refused(f"the version {version}", "9112-2.3/version", head(f"GET / {version}", H))
      for version in ("http/1.1", "Http/1.1", "HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/1.1.1",
                      "HTTP/11", "HTTP/01.1", "HTTP/1.01", "HTTP/1.10", "HTTP /1.1", "HTTP/ 1.1",
                      "HTTP/1,1", "HTTP/a.b", "HTTP/-1.1", "HTTP/+1.1", "HTTP/1.1x", "HTTP-1.1",
                      "HTTP", "HTTPS/1.1", "XTTP/1.1", "1.1")],
    *[refused(f"the protocol {version}", "9112-2.3/version", head(f"GET / {version}", H))
      for version in ("RTSP/1.0", "ICE/1.0")],
]

GOOD_HOSTS = ["a", "example.org", "EXAMPLE.org:80", "a:8000", "127.0.0.1", "127.0.0.1:1", "[::1]",
              "[::1]:8000", "[2001:db8::ff00:42:8329]", "a_b", "a-b.c", "xn--bcher-kva.example",
              "a:", "%41.example", "a~b", "a!$&'()*+;=b", "localhost.", "1"]
BAD_HOSTS = ["a b", "a,b", "a, b", "a/b", "a?b", "a#b", "a@b", "u:p@a", "u@a:80", "a\\b", "http://a",
             "a:b", "a:80:80", "a:-1", "a:+1", "a: 80", "a :80", ":80", "[::1", "::1", "[::1]x",
             "[::1]:x", "[]", "[::g]", "[a b]", "a[::1]", "a%", "a%4", "a%zz", "<a>", "a|b", "a^b",
             "a`b", "a{b}", 'a"b', "\xe9", "a\x01b", "a:65536", "a:999999999999"]

HOST = [
    *[kept(f"Host: {host}", "9112-3.2/host-value", head("GET / HTTP/1.1", f"Host: {host}"),
           saw=f"host: {host}\n") for host in GOOD_HOSTS],
    *[refused(f"Host: {host!r}", "9112-3.2/host-value", head("GET / HTTP/1.1", f"Host: {host}"))
      for host in BAD_HOSTS],
    refused("no Host", "9112-3.2/host-missing", head("GET / HTTP/1.1")),
    refused("no Host among others", "9112-3.2/host-missing", head("GET / HTTP/1.1", "Hostt: a")),
    refused("an empty Host", "9110-4.2.1/empty-host", head("GET / HTTP/1.1", "Host:")),
    refused("a Host of spaces", "9110-4.2.1/empty-host", head("GET / HTTP/1.1", "Host:  \t ")),
    refused("two Hosts", "9112-3.2/host-twice", head("GET / HTTP/1.1", H, "Host: b")),
    refused("the same Host twice", "9112-3.2/host-twice", head("GET / HTTP/1.1", H, H)),
    refused("an empty second Host", "9112-3.2/host-twice", head("GET / HTTP/1.1", H, "Host:")),
    refused("two Hosts in other letters", "9112-3.2/host-twice",
            head("GET / HTTP/1.1", H, "X: y", "hOST: a")),
    refused("two Hosts in HTTP/1.0", "9112-3.2/host-twice", head("GET / HTTP/1.0", H, H)),
    refused("a bad Host in HTTP/1.0", "9112-3.2/host-value", head("GET / HTTP/1.0", "Host: a/b")),
    refused("no Host with an absolute target", "9112-3.2/host-missing",
            head("GET http://a/ HTTP/1.1")),
    refused("two Hosts with an absolute target", "9112-3.2/host-twice",
            head("GET http://a/ HTTP/1.1", H, H)),
    refused("a bad Host with an absolute target", "9112-3.2/host-value",
            head("GET http://a/ HTTP/1.1", "Host: u@a")),
]

TARGETS = [
    kept("an absolute target", "9112-3.2.2/absolute", get("http://b:8/p?q"),
         saw=("GET /p?q HTTP/1.1\n", "host: b:8\n"), lacks="host: a\n"),
    kept("an absolute target without a path", "9112-3.2.2/absolute", get("http://b"),
         saw=("GET /? HTTP/1.1\n", "host: b\n")),
    kept("an absolute target with a query alone", "9112-3.2.2/absolute", get("http://b?q"),
         saw=("GET /?q HTTP/1.1\n", "host: b\n")),
    kept("an absolute target in capitals", "9110-4.2.3/scheme", get("HTTP://b/"),
         saw="host: b\n"),
    kept("an absolute target of an IPv6 host", "9112-3.2.2/absolute", get("http://[::1]:8/"),
         saw="host: [::1]:8\n"),
    kept("an empty Host with an absolute target", "9112-3.2.2/absolute",
         head("GET http://b/ HTTP/1.1", "Host:"), saw="host: b\n"),
    closed("an absolute target in HTTP/1.0", "9112-3.2.2/absolute", head("GET http://b/ HTTP/1.0"),
           saw="host: b\n"),
    *[kept(f"the target {target}", "9110-7.4/https", get(target) + get("/2"), "421 200",
           saw="GET /2?") for target in ("https://a/smuggled", "HTTPS://a:443/smuggled", "https://b")],
    *[refused(f"the target {target}", "9110-4.2.1/empty-host", get(target))
      for target in ("http://", "http:///p", "http://?q", "http://:80/")],
    *[refused(f"the target {target}", "9110-4.2.2/empty-host", get(target))
      for target in ("https://", "https:///p", "https://?q", "https://:443/")],
    *[refused(f"the target {target}", "9112-3.2/target", get(target))
      for target in ("http://u@a/", "http://u:p@a/", "http://a,b/",
                     "http://a:x/", "http:/a", "http:a", "ftp://a/", "file:///a",
                     "://a", "a", "a/b", "?q", "./a", "..", "http://a b/", "http://[::1/",
                     "http://a#f", "javascript:x", "ws://a/")],
    kept("the target * of OPTIONS", "9112-3.2.4/asterisk", head("OPTIONS * HTTP/1.1", H), 204),
    *[refused(f"the target * of {method}", "9112-3.2.4/asterisk", head(f"{method} * HTTP/1.1", H))
      for method in ("GET", "POST", "HEAD", "PUT")],
    refused("the target ** of OPTIONS", "9112-3.2.4/asterisk", head("OPTIONS ** HTTP/1.1", H)),
    refused("the target *?q of OPTIONS", "9112-3.2.4/asterisk", head("OPTIONS *?q HTTP/1.1", H)),
    refused("the target *x of OPTIONS", "9112-3.2.4/asterisk", head("OPTIONS *x HTTP/1.1", H)),
    refused("the authority form for GET", "9112-3.2.3/authority 9110-7.1/forms", get("a:80")),
    *[refused(f"CONNECT to {target}", "9110-9.3.6/connect", head(f"CONNECT {target} HTTP/1.1", H),
              501) for target in ("a:", "a", "a:0", "a:x", "a:65536")],
    refused("CONNECT to an authority", "9112-3.2.3/authority", head("CONNECT a:80 HTTP/1.1", H),
            501),
    refused("CONNECT to a path", "9112-3.2.3/authority", head("CONNECT / HTTP/1.1", H),
            501),
    refused("a fragment", "9112-3.2/fragment", get("/a#b")),
    refused("an empty fragment", "9112-3.2/fragment", get("/a#")),
    refused("a fragment after the query", "9112-3.2/fragment", get("/a?q#f")),
    refused("a fragment alone", "9112-3.2/fragment", get("#f")),
    *[refused(f"{byte_name(c)} in the target", "9112-3.2/target-bytes", get(f"/a{c}b"))
      for c in [*CONTROLS, "\0", "\x80", "\xff", "\xc3\xa9"]],
    *[refused(f"{byte_name(c)} in the query", "9112-3.2/target-bytes", get(f"/?a{c}b"))
      for c in ("\x01", "\x0b", "\x0c", "\x1f", "\x7f", "\x80", "\xff", "\xc3\xa9")],
]

NORMALISATION = [
    kept("an escaped path is decoded", "ours/decoded", get("/a%20b/%C3%A9"),
         saw=("GET /a%20b/%C3%A9? HTTP/1.1\n", "path=/a b/\xc3\xa9\n")),
    kept("escapes in small letters", "ours/decoded", get("/%c3%a9"), saw="path=/\xc3\xa9\n"),
    kept("an escape is decoded once", "ours/decoded", get("/%2541"), saw="path=/%41\n"),
    kept("the query stays encoded", "ours/decoded", get("/?a=%20&b=%00"), saw="GET /?a=%20&b=%00 "),
    kept("a plus stays a plus", "ours/decoded", get("/a+b"), saw="path=/a+b\n"),
    kept("dots are left alone", "ours/dots", get("/a/../b/./c"), saw="path=/a/../b/./c\n"),
    kept("two slashes are left alone", "ours/dots", get("//a//b"), saw="path=//a//b\n"),
    kept("a path that looks like a host", "ours/dots", get("//b/p"), saw="host: a\n"),
    kept("a second question mark", "9112-3.2.1/origin", get("/a?b?c"), saw="GET /a?b?c "),
    kept("an empty query", "9112-3.2.1/origin", get("/a?"), saw="GET /a? "),
    kept("characters that browsers send raw", "ours/decoded", get("/a|b^c{d}\"<>`\\"),
         saw='path=/a|b^c{d}"<>`\\\n'),
    *[refused(f"the path {path}", "ours/escapes", get(path))
      for path in ("/%zz", "/%", "/%2", "/%g0", "/%0g", "/a%", "/%%20", "/% 20".replace(" ", "+"))],
    *[refused(f"an escaped NUL: {path}", "ours/escapes", get(path)) for path in ("/%00", "/a%00b")],
    *[refused(f"no UTF-8: {path}", "ours/escapes", get(path))
      for path in ("/%ff", "/%c0%80", "/%c0%af", "/%ed%a0%80", "/%e2%82", "/%f5%80%80%80",
                   "/%80", "/%f4%90%80%80")],
]

VALUES = [
    kept("a name in any letters", "9110-5.1/case", get("/", "X-Mixed-CASE: v"),
         saw="x-mixed-case: v\n"),
    kept("no space after the colon", "9112-5.1/ows", get("/", "X:v"), saw="x: v\n"),
    kept("spaces and tabs around a value", "9112-5.1/ows", get("/", "X: \t v w \t "),
         saw="x: v w\n"),
    kept("an empty value", "9112-5.1/ows", get("/", "X:"), saw="x: \n"),
    kept("a value of spaces", "9112-5.1/ows", get("/", "X:  \t "), saw="x: \n"),
    kept("a tab inside a value", "9110-5.5/value", get("/", "X: a\tb"), saw="x: a\tb\n"),
    kept("colons in a value", "9110-5.5/value", get("/", "X: a:b: c"), saw="x: a:b: c\n"),
    kept("bytes above ASCII in a value", "9112-2.2/octets", get("/", "X: \x80\xff\xc3\xa9"),
         saw="x: \x80\xff\xc3\xa9\n"),
    kept("a name of every token character", "9110-5.6.2/token",
         get("/", "!#$%&'*+-.^_`|~09AZaz: v"), saw="!#$%&'*+-.^_`|~09azaz: v\n"),
    kept("the order of equal names is kept", "9110-5.3/order", get("/", "X: 1", "Y: 2", "x: 3"),
         saw="x: 1\ny: 2\nx: 3\n"),
    *[refused(f"{byte_name(c)} in a value", "9110-5.5/controls", get("/", f"X: a{c}b"))
      for c in ["\0", *CONTROLS]],
    refused("a control character ends a value", "9110-5.5/controls", get("/", "X: a\x0b")),
    refused("a control character begins a value", "9110-5.5/controls", get("/", "X:\x0ca")),
    *[refused(f"{byte_name(c)} in a name", "9110-5.6.2/token", get("/", f"X{c}Y: v"))
      for c in [*SEPARATORS, "\0", "\x01", "\x1f", "\x7f", "\x80", "\xe9"]],
    refused("an empty name", "9110-5.1/name", get("/", ": v")),
    refused("an empty first name", "9110-5.1/name", head("GET / HTTP/1.1", ": v", H)),
    refused("a line without a colon", "9112-5/line", get("/", "X")),
    refused("a line of two words", "9112-5/line", get("/", "no colon here")),
    refused("a space before the colon", "9112-5.1/space-colon", get("/", "X : v")),
    refused("a tab before the colon", "9112-5.1/space-colon", get("/", "X\t: v")),
    refused("a space before the colon of Host", "9112-5.1/space-colon",
            head("GET / HTTP/1.1", "Host : a")),
    refused("a space before the colon of Content-Length", "9112-5.1/space-colon",
            get("/", "Content-Length : 5")),
    refused("a space in a name", "9112-5.1/space-colon", get("/", "X Y: v")),
    refused("a space before the first field", "9112-2.2/space-first",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    refused("a tab before the first field", "9112-2.2/space-first",
            "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"),
    refused("a line of a space before the first field", "9112-2.2/space-first",
            "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
    refused("a folded line", "9112-5.2/fold", get("/", "X: a", " b")),
    refused("a folded line by a tab", "9112-5.2/fold", get("/", "X: a", "\tb")),
    refused("a folded line after an empty value", "9112-5.2/fold", get("/", "X:", " b")),
    refused("a folded last line", "9112-5.2/fold", get("/", "X: a", " ")),
    refused("a folded Host", "9112-5.2/fold", head("GET / HTTP/1.1", "Host: a", " b")),
    refused("a folded Transfer-Encoding", "9112-5.2/fold",
            get("/", "Transfer-Encoding:", " chunked")),
    refused("a folded Content-Length", "9112-5.2/fold", get("/", "Content-Length: 1", " 0")),
    refused("a folded line without a colon after it", "9112-5.2/fold",
            get("/", "X: a", " b", "Y: c")),
    refused("a bare LF ends a field", "9112-2.2/bare-lf",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    refused("bare LFs everywhere", "9112-2.2/bare-lf", "GET / HTTP/1.1\nHost: a\n\n"),
    refused("a bare LF ends the last field", "9112-2.2/bare-lf",
            "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    refused("a bare LF ends the head", "9112-2.2/bare-lf", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    refused("two bare LFs end the head", "9112-2.2/bare-lf", "GET / HTTP/1.1\r\nHost: a\n\n"),
    refused("a bare CR in a value", "9112-2.2/bare-cr", get("/", "X: a\rb")),
    refused("a bare CR in a name", "9112-2.2/bare-cr", get("/", "X\rY: b")),
    refused("a bare CR ends a field", "9112-2.2/bare-cr",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    refused("CR CR LF ends a field", "9112-2.2/bare-cr",
            "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    refused("CR CR LF ends the head", "9112-2.2/bare-cr",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"),
    refused("a bare CR after a colon", "9112-2.2/bare-cr", get("/", "X:\rb")),
]
