use super::*;

const TAIL: &str = "- aG9zdA= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader b.s3.amazonaws.com TLSv1.3 - -";

fn parts(text: &str) -> (String, Option<i32>, String, String, u64) {
    let split = split(text).unwrap();
    let texts = [split.request_line, split.referer, split.user_agent].map(str::to_owned);
    let [request_line, referer, user_agent] = texts;
    (request_line, split.answer.http_status, referer, user_agent, split.count)
}

#[test]
fn each_of_the_three_fields_is_quoted_or_missing() {
    for request_line in ["\"GET /a HTTP/1.1\"", "-", "\"-\""] {
        for referer in ["\"https://example.com/\"", "-", "\"-\"", "\"\""] {
            for user_agent in ["\"curl/8\"", "-", "\"-\"", "\"\""] {
                for tail in [TAIL, "-"] {
                    if user_agent == "-" && referer != "-" {
                        continue;
                    }
                    let text = format!("{request_line} 200 - 1 2 3 4 {referer} {user_agent} {tail}");
                    let expected = [request_line, referer, user_agent].map(|field| field.trim_matches('"').to_owned());
                    let (first, status, second, third, count) = parts(&text);
                    assert_eq!(([first, second, third], status, count), (expected, Some(200), 1), "{text}");
                }
            }
        }
    }
}

#[test]
fn quotes_inside_fields_are_no_doubt_where_nothing_follows_them() {
    let line = format!("\"GET /\" HTTP/1.1\" 403 AccessDenied 243 - 8 - \"a \"b\",\"c\"\" \"\"Mozilla \"5.0\"\" {TAIL}");
    let expected = ("GET /\" HTTP/1.1".into(), Some(403), "a \"b\",\"c\"".into(), "\"Mozilla \"5.0\"".into(), 1);
    assert_eq!(parts(&line), expected);
}

#[test]
fn a_request_line_that_ends_with_a_version_is_preferred() {
    let line = format!("\"GET /a\" 200 - 1 1 1 1 \"-\" \"x HTTP/1.1\" 403 AccessDenied 1 - 1 - \"-\" \"curl\" {TAIL}");
    let (request_line, status, _, user_agent, count) = parts(&line);
    assert_eq!(request_line, "GET /a\" 200 - 1 1 1 1 \"-\" \"x HTTP/1.1");
    assert_eq!((status, user_agent.as_str(), count), (Some(403), "curl", 3));
    let line = format!("\"GET /a\" 200 - 1 1 1 1 \"-\" \"curl\" {TAIL}");
    assert_eq!(parts(&line).0, "GET /a", "where none does, any will do");
}

#[test]
fn an_answer_forged_in_a_header_is_not_taken_for_the_true_one() {
    let forged = "x HTTP/1.1\" 200 - 9 9 9 9 \"-\" \"innocent";
    for (referer, user_agent) in [(forged, "curl"), ("-", forged)] {
        let line = format!("\"GET /a HTTP/1.1\" 403 AccessDenied 1 - 1 - \"{referer}\" \"{user_agent}\" {TAIL}");
        let (request_line, status, _, _, count) = parts(&line);
        assert_eq!((request_line.as_str(), status), ("GET /a HTTP/1.1", Some(403)), "{line}");
        assert!(count > 1, "{line}");
    }
}

#[test]
fn a_tail_forged_in_the_user_agent_does_not_replace_the_true_one() {
    let forged = "x\" vFORGED aG9zdA= - - - evil.example.com TLSv1.3 - Yes eu-west-1 \"y";
    let line = format!("\"GET /a HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"{forged}\" {TAIL}");
    let split = split(&line).unwrap();
    assert_eq!((split.tail.version_id, split.tail.host_header), (None, Some("b.s3.amazonaws.com")));
    assert_eq!((split.user_agent, split.count), (forged, 2));
}

#[test]
fn a_quoted_field_that_aws_may_add_is_no_user_agent() {
    let line = format!("\"GET /a HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"curl\" {TAIL} eu-west-1 \"new field\" new");
    let split = split(&line).unwrap();
    assert_eq!((split.user_agent, split.tail.further, split.count), ("curl", "\"new field\" new", 2));
    let line = line.replace(" new", " new new");
    assert_eq!(super::split(&line).unwrap().count, 1, "no line of 18 fields ends so");
}

#[test]
fn what_is_wrong_is_named() {
    for (text, reason) in [
        ("", "status, error code and four numbers do not follow the request's first line"),
        ("GET / HTTP/1.1 200 - 1 1 1 1 ", "status, error code and four numbers do not follow the request's first line"),
        ("\"GET / HTTP/1.1\" 200 - 1 1 1", "status, error code and four numbers do not follow the request's first line"),
        (
            "\"GET / HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"-\" v h SigV4",
            "the fields behind the user agent are not those of the format",
        ),
        ("\"GET / HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"-\" - h", "the fields behind the user agent are not those of the format"),
        ("\"GET / HTTP/1.1\" 200 - 1 1 1 1 x \"-\" \"-\" -", "referer and user agent do not follow the answer's numbers"),
        ("\"GET / HTTP/1.1\" 200 - 1 1 1 1 \"-\" -", "referer and user agent do not follow the answer's numbers"),
    ] {
        assert_eq!(split(text).unwrap_err(), reason, "{text}");
    }
}

/// All consistent splits as the module's page defines them, tried one by one.
fn count_by_trying(text: &str) -> u64 {
    let quotes: Vec<usize> = text.bytes().enumerate().filter(|(_, byte)| *byte == b'"').map(|(at, _)| at).collect();
    // The ends of the field that begins at `start`: where the space behind it stands.
    let ends = |start: usize| -> Vec<usize> {
        match text.as_bytes().get(start) {
            Some(b'"') => quotes.iter().filter(|quote| **quote > start).map(|quote| quote + 1).collect(),
            Some(b'-') => vec![start + 1],
            _ => vec![],
        }
    };
    let is_space = |at: &usize| text.as_bytes().get(*at) == Some(&b' ');
    let mut count = 0;
    for request_line_end in ends(0) {
        let Some((_, length)) = text.get(request_line_end..).and_then(answer::parse) else { continue };
        for referer_end in ends(request_line_end + length).into_iter().filter(is_space) {
            let is_quoted = |end: usize| text.as_bytes().get(end - 1) == Some(&b'"');
            for user_agent_end in ends(referer_end + 1).into_iter().filter(is_space) {
                let is_alone = is_quoted(referer_end) && !is_quoted(user_agent_end);
                count += u64::from(!is_alone && tail_at(text, user_agent_end + 1).is_some());
            }
        }
    }
    count
}

proptest::proptest! {
    #[test]
    fn counting_agrees_with_trying_every_split(parts in proptest::collection::vec(
        proptest::sample::select(vec![
            "\"", "\" ", " \"", "\" \"", "-", " - ", "\"-\"", "x", " ", "GET / HTTP/1.1", " 200 - 1 1 1 1 ",
            "\" 403 AccessDenied - - - - \"", " - h SigV4 c AuthHeader b TLSv1.2", " - h - - - b TLSv1.2 - - eu-west-1 ",
        ]),
        0..24,
    ), is_quoted in proptest::bool::ANY) {
        let start = if is_quoted { "\"" } else { "-" };
        let text = format!("{start}{}{TAIL}", parts.concat());
        let expected = count_by_trying(&text);
        proptest::prop_assert_eq!(split(&text).map_or(0, |split| split.count), expected, "{}", text);
    }
}

#[test]
fn hostile_lines_are_read_in_one_pass() {
    const LENGTH: usize = 4 * 1024 * 1024;
    for unit in [
        "\"",
        "\" ",
        "\" \"",
        "\" - ",
        "x HTTP/1.1\" 200 - 9 9 9 9 \"-\" \"",
        "\" - h SigV4 c AuthHeader b TLSv1.2 - - eu-west-1 ",
        "\" - h SigV4 c AuthHeader b TLSv1.2 - - eu-west-1 \" 200 - 1 1 1 1 \"-\" \"",
        "\" 200 - 9 9 9 9 - - - h SigV4 c AuthHeader b TLSv1.2 - - eu-west-1 ",
    ] {
        let hostile = unit.repeat(LENGTH / unit.len());
        let line = format!("\"GET /a HTTP/1.1\" 403 AccessDenied 1 - 1 - \"{hostile}\" \"{hostile}\" {TAIL}");
        let split = split(&line).unwrap();
        assert_eq!((split.request_line, split.answer.http_status), ("GET /a HTTP/1.1", Some(403)), "{unit}");
        assert_eq!(split.tail.host_header, Some("b.s3.amazonaws.com"), "{unit}");
    }
}
