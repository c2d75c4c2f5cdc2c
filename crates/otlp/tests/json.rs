//! Requests in JSON as nobody writes them: out of order, twice, wrong, and made to take memory.

fn of_metric(metric: &str) -> String {
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#)
}

fn of_point(point: &str) -> String {
    of_metric(&format!(r#"{{"gauge":{{"dataPoints":[{point}]}}}}"#))
}

fn transcoded(json: &str) -> Vec<u8> {
    otlp::transcode_json(json.as_bytes()).unwrap_or_else(|error| unreachable!("{error}: {json}"))
}

fn fault(json: &str) -> String {
    otlp::transcode_json(json.as_bytes()).expect_err("it is wrong").to_string()
}

/// Most bytes that reading `json` takes at a time.
fn memory(json: &str) -> u64 {
    allocation_counter::measure(|| drop(otlp::transcode_json(json.as_bytes()))).bytes_max
}

#[test]
fn reading_takes_memory_of_the_order_of_the_text() {
    const SIZE: usize = 2 << 20;
    let list = |item: &str| vec![item; SIZE / (item.len() + 1)].join(",");
    let point = |fields: String| of_point(&format!("{{{fields}}}"));
    let nested = format!(r#"{{"arrayValue":{{"values":[{}]}}}}"#, list(r#"{"arrayValue":{"values":[]}}"#));
    for (what, json) in [
        ("unknown keys", format!(r#"{{"resourceMetrics":[{}]}}"#, list(r#"{"a":0}"#))),
        ("an unknown value", format!(r#"{{"a":[{}],"resourceMetrics":[]}}"#, list("[]"))),
        ("empty messages", format!(r#"{{"resourceMetrics":[{}]}}"#, list("{}"))),
        ("a key again and again", point(list(r#""timeUnixNano":7"#))),
        ("attributes", point(format!(r#""attributes":[{}]"#, list(r#"{"key":"a","value":{"intValue":1}}"#)))),
        ("a value of values", point(format!(r#""attributes":[{{"value":{nested},"key":"a"}}]"#))),
        ("escapes", point(format!(r#""attributes":[{{"key":"{}"}}]"#, r"\n".repeat(SIZE / 2)))),
        ("what is wrong", format!(r#"{{"resourceMetrics":[7,{}]}}"#, list(r#"{"a":[]}"#))),
    ] {
        let taken = memory(&json);
        assert!(taken < 4 * json.len() as u64, "{what}: {taken} bytes for a text of {}", json.len());
    }
    // Here the request itself is four times as long as its text, and a buffer that grows twice as long as that.
    let json = of_metric(&format!(r#"{{"histogram":{{"dataPoints":[{{"bucketCounts":[{}]}}]}}}}"#, list("0")));
    assert!(memory(&json) < 20 * json.len() as u64, "{} bytes for a text of {}", memory(&json), json.len());
}

#[test]
fn keys_come_in_any_order_and_the_request_is_the_same() {
    let expected = transcoded(&of_metric(
        r#"{"name":"m","unit":"s","sum":{"dataPoints":[{"attributes":[{"key":"a","value":{"stringValue":"b"}}],
        "startTimeUnixNano":"1","timeUnixNano":"2","asInt":"3"}],"aggregationTemporality":2,"isMonotonic":true}}"#,
    ));
    let shuffled = transcoded(&of_metric(
        r#"{"sum":{"isMonotonic":true,"x":{"y":[1,null]},"dataPoints":[{"asInt":"3","timeUnixNano":"2",
        "attributes":[{"value":{"stringValue":"b"},"key":"a"}],"startTimeUnixNano":"1"}],"aggregationTemporality":2},
        "unit":"s","name":"m"}"#,
    ));
    assert_eq!(shuffled, expected);
    // Of values that exclude each other the one stays that the table has last, whichever came last.
    let both = r#"{"asInt":"3","asDouble":1}"#;
    assert_eq!(transcoded(&of_point(both)), transcoded(&of_point(r#"{"asDouble":1,"asInt":"3"}"#)));
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts_even_where_it_is_null_or_the_first_is_wrong() {
    for (twice, once) in [
        (r#"{"timeUnixNano":1,"asInt":7,"timeUnixNano":2}"#, r#"{"timeUnixNano":2,"asInt":7}"#),
        (r#"{"timeUnixNano":1,"asInt":7,"timeUnixNano":null}"#, r#"{"asInt":7}"#),
        (r#"{"timeUnixNano":[{}],"asInt":7,"timeUnixNano":2}"#, r#"{"timeUnixNano":2,"asInt":7}"#),
        (
            r#"{"attributes":[{"key":"a"},{"key":"b"}],"asInt":7,"attributes":[{"key":"c"}],"asInt":8}"#,
            r#"{"attributes":[{"key":"c"}],"asInt":8}"#,
        ),
    ] {
        assert_eq!(transcoded(&of_point(twice)), transcoded(&of_point(once)), "{twice}");
    }
    let repeated =
        r#"{"resourceMetrics":7,"resourceMetrics":[{"schemaUrl":"a"}],"resourceMetrics":[{"schemaUrl":"b"}]}"#;
    assert_eq!(transcoded(repeated), transcoded(r#"{"resourceMetrics":[{"schemaUrl":"b"}]}"#));
    assert_eq!(fault(r#"{"resourceMetrics":[],"resourceMetrics":7}"#), "\"resourceMetrics\" is not a list");
}

#[test]
fn what_is_wrong_is_told_in_the_order_of_the_tables_and_after_what_is_no_json() {
    let of = |point: &str| fault(&of_point(point));
    assert_eq!(of(r#"{"asInt":"x","timeUnixNano":-0.5}"#), "\"timeUnixNano\" is not a whole number");
    assert_eq!(of(r#"{"attributes":[{"key":1},7]}"#), "\"key\" is not a string");
    assert_eq!(of(r#"{"attributes":[null]}"#), "\"a message\" is not an object");
    assert_eq!(of(r#"{"attributes":[{"value":[]}]}"#), "\"a message\" is not an object");
    let of_value = |value: &str| of(&format!(r#"{{"attributes":[{{"value":{value}}}]}}"#));
    assert_eq!(of_value(r#"{"bytesValue":"?"}"#), "\"bytesValue\" is not bytes in base 64");
    assert_eq!(of_value(r#"{"boolValue":{"a":[]}}"#), "\"boolValue\" is not true or false");
    let list = |list: &str| of_metric(&format!(r#"{{"histogram":{{"dataPoints":[{{"bucketCounts":{list}}}]}}}}"#));
    assert_eq!(fault(&list(r#"["1",2,null,"x"]"#)), "\"bucketCounts\" is not a list of numbers");
    assert_eq!(fault(&list("{}")), "\"bucketCounts\" is not a list");
    assert_eq!((fault("null"), fault("7")), ("\"a message\" is not an object".into(), fault("\"\"")));
    assert!(fault(r#"{"resourceMetrics":7"#).starts_with("EOF"));
    assert!(fault(r#"{"resourceMetrics":7} x"#).starts_with("trailing characters"));
}

#[test]
fn what_nobody_knows_has_to_be_json_all_the_same() {
    let unknown = |value: &str| format!(r#"{{"a":{value}}}"#);
    assert_eq!(transcoded(&unknown(r#"[{"b":[1,-1,0.5,true,null,"\u00e9"]},{}]"#)), b"");
    let deep = |depth: usize| unknown(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert_eq!(transcoded(&deep(126)), b"");
    assert!(fault(&deep(127)).starts_with("recursion limit"), "{}", fault(&deep(127)));
    assert!(fault(&unknown("1e999")).starts_with("number out of range"));
    assert!(fault(&unknown(r#""\ud800""#)).contains("hex escape"));
    assert!(otlp::transcode_json(b"{\"a\":\"\xff\"}").is_err() && otlp::transcode_json(b"{\"\xff\":1}").is_err());
}
