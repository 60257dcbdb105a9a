# SPDX-License-Identifier: MIT
"""What RFC 9112, and the parts of RFC 9110 about messages, ask of a server, in our words. Each case
names what it proves by these keys: RFC-SECTION/WORD, or ours/WORD for what is our own rule."""

# key: (level, what it says). MAY: the RFC leaves it to the server, and this is our choice.
MUSTS = {
    "9112-2.2/octets": ("MUST", "A message is read as octets; bytes above ASCII mean no encoding."),
    "9112-2.2/bare-cr": ("MUST", "A CR without LF outside of content is invalid."),
    "9112-2.2/bare-lf": ("MAY", "A line that ends in LF alone is refused."),
    "9112-2.2/empty-line": ("SHOULD", "Empty lines (CRLF) before a request line are ignored."),
    "9112-2.2/space-first": ("MUST", "White space before the first field is refused, or its lines "
                                     "are dropped: we refuse."),
    "9112-2.2/no-http": ("SHOULD", "What is not HTTP is answered with 400, and the connection "
                                   "closed."),
    "9112-2.3/version": ("MUST", "The version is HTTP/DIGIT.DIGIT, in capitals."),
    "9112-3/line": ("SHOULD", "A request line that is not as the grammar has it gets 400."),
    "9112-3/single-space": ("MAY", "The words of a request line are apart by one space; nothing "
                                   "else is taken for it."),
    "9112-3/414": ("MUST", "A target longer than the server reads gets 414; 8000 bytes are read."),
    "9112-3.2/target": ("SHOULD", "A target of none of the four forms is refused, not mended."),
    "9112-3.2/no-space": ("SHOULD", "A target with white space is refused, not mended."),
    "9112-3.2/target-bytes": ("SHOULD", "A target has no control characters and no bytes above "
                                        "ASCII."),
    "9112-3.2/fragment": ("SHOULD", "A target has no fragment."),
    "9112-3.2/host-missing": ("MUST", "A request in HTTP/1.1 without Host gets 400."),
    "9112-3.2/host-twice": ("MUST", "A request with more than one Host gets 400."),
    "9112-3.2/host-value": ("MUST", "A Host that is not a host, perhaps with a port, gets 400; user "
                                    "information and commas are refused too."),
    "9112-3.2.1/origin": ("MUST", "The origin form is a path and, after the first question mark, a "
                                  "query."),
    "9112-3.2.2/absolute": ("MUST", "The absolute form is accepted, and its host replaces Host."),
    "9112-3.2.3/authority": ("MUST", "The authority form is for CONNECT only, which is not served."),
    "9112-3.2.4/asterisk": ("MUST", "The asterisk form is for OPTIONS only."),
    "9112-5/line": ("MUST", "A field line has a name and a colon."),
    "9112-5.1/ows": ("MUST", "White space around a value is not part of it."),
    "9112-5.1/space-colon": ("MUST", "White space between a name and its colon gets 400."),
    "9112-5.2/fold": ("MUST", "A folded line gets 400, or its fold becomes spaces: we refuse."),
    "9112-6/body": ("MUST", "A body is there when Content-Length or Transfer-Encoding says so, "
                            "whatever the method."),
    "9112-6.1/unknown": ("SHOULD", "A transfer coding other than chunked is refused (with 400: "
                                   "whoever sends one hides something)."),
    "9112-6.1/twice": ("MUST", "Chunked is applied once: a list of more, or of nothing, is refused."),
    "9112-6.1/both": ("MUST", "With both Content-Length and Transfer-Encoding the connection is "
                              "closed; we also refuse (400)."),
    "9112-6.1/http10": ("MUST", "A Transfer-Encoding in HTTP/1.0 is faulty framing; the connection "
                                "is closed."),
    "9112-6.1/no-coding": ("MUST", "No Transfer-Encoding is sent with 1xx and 204."),
    "9112-6.1/no-coding-10": ("MUST", "No Transfer-Encoding is sent to a client of HTTP/1.0."),
    "9112-6.2/length": ("MUST", "Without Transfer-Encoding, Content-Length is the body's length."),
    "9112-6.2/not-both": ("MUST", "No Content-Length is sent with Transfer-Encoding; framing fields "
                                  "are the server's own."),
    "9112-6.3/length": ("MUST", "What follows the body's last byte is the next request."),
    "9112-6.3/bad-length": ("MUST", "An invalid Content-Length, or several, get 400, and the "
                                    "connection is closed."),
    "9112-6.3/not-final": ("MUST", "A Transfer-Encoding whose last coding is not chunked gets 400, "
                                   "and the connection is closed."),
    "9112-6.3/none": ("MUST", "A request without both has no body."),
    "9112-6.3/response": ("MUST", "A response of unknown length is chunked in HTTP/1.1."),
    "9112-7/case": ("MUST", "Names of transfer codings have no case."),
    "9112-7.1/chunked": ("MUST", "The chunked coding is understood."),
    "9112-7.1/size": ("MUST", "A chunk's size is hexadecimal digits and nothing else."),
    "9112-7.1/overflow": ("MUST", "A size too large for its integer is an error, not a small "
                                  "number."),
    "9112-7.1/end": ("MUST", "A chunk ends in CRLF just where its size says."),
    "9112-7.1.1/ignored": ("MUST", "Chunk extensions that are not known are ignored."),
    "9112-7.1.1/limit": ("SHOULD", "Chunk extensions are bounded over the whole request."),
    "9112-8/incomplete": ("MUST", "A request that ends before its length or last chunk is "
                                  "incomplete: it is not taken for a whole one."),
    "9112-8/truncated": ("MUST", "A response that fails in its middle is recognisable as cut."),
    "9112-9/error": ("MUST", "After a request that cannot be read, nothing on the connection is."),
    "9112-9.3/persists": ("SHOULD", "HTTP/1.1 connections persist unless \"close\" is said."),
    "9112-9.3/http10": ("MUST", "HTTP/1.0 connections persist only when \"keep-alive\" is said, and "
                                "\"close\" is not."),
    "9112-9.3/read-or-close": ("MUST", "A body that was not asked for is read away, or the "
                                       "connection is closed."),
    "9112-9.3.2/order": ("MUST", "Pipelined requests are answered in their order."),
    "9112-9.6/close": ("MUST", "After \"close\" from the client the connection ends with the "
                               "response, which says so."),
    "9112-9.6/own-close": ("MUST", "After the server's own \"close\" the connection ends, and no "
                                   "request that follows is processed."),
    "9112-9.6/nothing-after": ("MUST", "No request after one with \"close\" is processed."),
    "9112-C.2.2/proxy-connection": ("MUST", "Proxy-Connection has no meaning."),
    "9110-2.5/lower": ("MUST", "A request of a lower minor version is understood as that version."),
    "9110-4.2.1/empty-host": ("MUST", "An http URI with an empty host is refused."),
    "9110-4.2.3/scheme": ("MUST", "The scheme of a URI has no case."),
    "9110-4.2.2/empty-host": ("MUST", "An https URI with an empty host is refused."),
    "9110-5.1/case": ("MUST", "Field names have no case."),
    "9110-5.1/name": ("MUST", "A field has a name."),
    "9110-5.3/order": ("MUST", "Fields of one name keep their order."),
    "9110-5.3/whole-head": ("MUST", "Nothing is done for a request before its header section has "
                                    "come whole."),
    "9110-5.4/431": ("MUST", "Fields larger or more than the server takes get a 4xx, here 431."),
    "9110-5.5/value": ("MUST", "A value may have spaces, tabs and any visible character inside."),
    "9110-5.5/controls": ("MUST", "CR, LF and NUL in a value are refused, and so are other control "
                                  "characters."),
    "9110-5.6.1.2/empty": ("MUST", "Empty elements of a list mean nothing."),
    "9110-5.6.2/token": ("MUST", "Methods and field names are tokens."),
    "9110-5.6.3/bws": ("MUST", "White space that the grammar allows for history's sake is read."),
    "9110-6.5.1/apart": ("MUST", "Trailers are not merged into the headers."),
    "9110-6.5.1/forbidden": ("MUST", "Trailers that would frame or route a message are of no "
                                     "effect; we refuse them."),
    "9110-7.1/forms": ("MUST", "The forms * and authority are for OPTIONS and CONNECT alone."),
    "9110-7.4/https": ("MUST", "An https URI is not served over a connection that is not secured, "
                               "but to a trusted gateway (421)."),
    "9110-7.8/ignored": ("MAY", "An Upgrade to what is not known is ignored."),
    "9110-7.8/http10": ("MUST", "Upgrade is ignored in HTTP/1.0."),
    "9110-7.8/connection": ("MUST", "Who sends Upgrade says \"upgrade\" in Connection."),
    "9110-8.6/grammar": ("MUST", "Content-Length is decimal digits; large ones do not overflow."),
    "9110-9.1/methods": ("MUST", "GET and HEAD are supported; others reach the application."),
    "9110-9.1/unknown": ("SHOULD", "A method that is not known gets 501."),
    "9110-9.1/case": ("MUST", "Methods have case."),
    "9110-9.3.6/connect": ("MUST", "CONNECT to no port, or to one that is none, is refused; so is "
                                   "every other."),
    "9110-9.3.2/head": ("MUST", "The response to HEAD has no content, and the header of a GET's."),
    "9110-10.1.1/case": ("MUST", "Expectations have no case."),
    "9110-10.1.1/continue": ("MUST", "100 (Continue), or a final status, is sent without waiting "
                                     "for the content."),
    "9110-10.1.1/ultimately": ("MUST", "After 100 (Continue) and the content a final status is sent."),
    "9110-10.1.1/no-content": ("MAY", "Without content to come there is no 100 (Continue)."),
    "9110-10.1.1/final": ("MUST", "A final status instead of 100 says whether the connection "
                                  "closes."),
    "9110-10.1.1/http10": ("MUST", "Expect is ignored in HTTP/1.0, and no 1xx is sent there."),
    "9110-10.1.1/unknown": ("MAY", "An expectation that is not known gets 417."),
    "9110-15/status": ("MUST", "Any status from 200 to 599 is framed by its class."),
    "9110-15.3.5/204": ("MUST", "204 has no content."),
    "9110-15.3.6/205": ("MUST", "205 has no content, and says so."),
    "9110-15.4.5/304": ("MUST", "304 has no content."),
    "9110-15.5.6/allow": ("MUST", "405 comes with Allow."),
    "9110-15.5.14/413": ("MAY", "Content larger than the server takes gets 413, before it is read "
                                "where its length is told."),
    "9110-15.5.22/426": ("MUST", "426 comes with Upgrade."),
    "9110-15.6.6/major": ("SHOULD", "A version that is not supported gets 505."),
    "ours/decoded": ("ours", "The application sees the path decoded once, and the raw bytes."),
    "ours/dots": ("ours", "Dots and empty segments reach the application as they came."),
    "ours/escapes": ("ours", "Malformed escapes, an escaped NUL and what is no UTF-8 get 400."),
    "ours/extension": ("ours", "Chunk extensions are as the grammar has them."),
    "ours/other-names": ("ours", "Names that only look like those of framing fields mean nothing."),
}

TABLE = "tests/integration/test_http_conformance.py"
CONN = "tests/unit/http1/test_conn.c"
CONTRACT = "tests/integration/test_contract_http.py"
EXTENSIONS = "tests/integration/test_extensions.py"
RESPONSE = "tests/unit/http1/test_response.c"
LIMITS = "tests/integration/test_limits.py"

# section, level, what it says, the file and name of its test
ELSEWHERE = [
    ("9110-6.6.1", "MUST", "Each response but 1xx has one Date, in the preferred format.",
     RESPONSE, "date_and_server_are_added_once"),
    ("9110-2.2", "MUST", "What an application says is sent only where it keeps to the grammar: "
                         "names are tokens, values have no CR, LF, NUL or other control "
                         "characters.", CONTRACT,
     "test_2_11_what_may_not_stand_in_a_header_is_refused"),
    ("9112-2.2", "MUST", "No bare CR is sent outside of content, and no white space between the "
                         "status line and the fields.", TABLE, "check_response"),
    ("9112-5.2", "MUST", "No line is folded.", TABLE, "check_response"),
    ("9110-5.3", "MUST", "Of the fields that the server adds none is there twice, and an "
                         "application's own are not repeated.", RESPONSE,
     "date_and_server_are_added_once"),
    ("9110-6.2", "MUST", "The version of every response is one that the server conforms to: 1.1.",
     TABLE, "check_response"),
    ("9110-6.5.1", "MUST", "Trailers that a definition does not allow are not sent.", EXTENSIONS,
     "test_2_8_what_may_not_be_a_trailer_is_refused"),
    ("9112-6.1", "MUST", "A chunked body is not chunked again, whatever coding the application "
                         "names.", CONTRACT, "test_2_5_the_apps_transfer_encoding_is_ignored"),
    ("9112-6.3", "MUST", "A body that does not come in time is incomplete: its request is answered "
                         "408, and the connection is closed.", LIMITS,
     "test_a_body_that_stays_away_is_a_408_and_a_disconnect"),
    ("9112-7.1.2", "MUST", "Trailers are kept apart from the headers.", CONTRACT,
     "test_2_15_trailers_do_not_appear_among_the_headers"),
    ("9110-8.6", "MUST", "The Content-Length of a response to HEAD is the one of a GET's.", CONTRACT,
     "test_2_10_head_says_the_content_length_that_get_would"),
    ("9110-15.2", "MUST", "A client of HTTP/1.0 is sent no 1xx.", EXTENSIONS,
     "test_http_1_0_gets_no_hints"),
    ("9112-4", "MUST", "Each status line has a version, a status of three digits, and a space after "
                       "it.", TABLE, "check_response"),
    ("9112-6.1", "MUST", "No response has both Content-Length and Transfer-Encoding.", TABLE,
     "check_response"),
    ("9110-8.6", "MUST", "204 and 1xx have no Content-Length.", TABLE, "check_response"),
    ("9112-9.6", "SHOULD", "A connection is closed in two steps, so that the client can read the "
                           "last response.", CONN,
     "a_long_body_that_nobody_read_closes_but_the_answer_arrives"),
]

# section, what it says, why it is not for us
NOT_OURS = [
    ("9112-3.2.3", "Serving CONNECT.", "We are no proxy."),
    ("9112-6.1", "Other transfer codings (gzip).", "None is offered; chunked is the only MUST."),
    ("9110-7.6", "Forwarding: Via, hop-by-hop fields, Max-Forwards.", "We are no intermediary."),
    ("9112-9.8", "Closing TLS.", "The server accepts no TLS yet; the client's close_notify, and a "
                                 "response cut without one, are in tests/unit/tls."),
    ("9110-7.8", "Switching protocols: 101, and 100 before it.", "No protocol is switched to yet."),
    ("9110-9.3", "What a method does: 201, 200 or 204 for PUT, and its validators.",
     "An application's matter."),
    ("9110-8", "Representations: Content-Encoding, Last-Modified, ETag, Content-Location.",
     "An application's matter; the server changes no content."),
    ("9110-11.6.1", "WWW-Authenticate with 401.", "An application's matter: the server itself sends "
                                                 "no 401."),
    ("9110-15.3.7", "What a 206 and a 304 say of the whole.", "An application's matter."),
    ("9110-5.6.7", "Reading dates.", "The server reads none."),
    ("9112-10.1", "Media of type message/http.", "The server reads none."),
    ("9110-14", "Ranges.", "An application's matter: a server may ignore Range."),
    ("9110-13", "Conditional requests.", "An application's matter."),
]

# section, what we do instead, why
OTHERWISE = [
    ("9110-5.6.1.2", "Transfer-Encoding with empty elements gets 400, though a recipient should "
                     "ignore them.", "Servers differ over them, and what frames a message must be "
                                     "read in one way only."),
    ("9110-5.6.4", "An escaped byte in Forwarded makes its element unusable.",
     "No address, scheme or host needs one; the nearest address known so far stays the client."),
    ("9110-6.6.1", "With --no-date-header no response has a Date.", "The option says so: for a server "
                                                                   "behind one that adds it."),
    ("9110-2.5", "HTTP/1.2 to 1.9 get 505, where they should be read as 1.1.",
     "llhttp does not read them, and nobody sends them."),
]
