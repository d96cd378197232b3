//! The places of a template, `{name}`, where a document writes more into the braces than a name: `{host:^[^/]+$}` says
//! which values a router takes (gorilla/mux, which StackQL matches servers with), `{name=projects/*}` what a path holds.
//! Knows no parameters.

/// The template with nothing but names in its braces. Braces within a pattern belong to it.
pub(super) fn bare(template: &str) -> String {
    let (mut made, mut rest) = (String::with_capacity(template.len()), template);
    while let Some((literal, behind)) = rest.split_once('{') {
        let Some(end) = closing(behind) else { break };
        let inside = &behind[..end];
        let name = inside.split([':', '=']).next().unwrap_or(inside).trim();
        made.push_str(literal);
        made.push('{');
        made.push_str(name);
        made.push('}');
        rest = &behind[end + 1..];
    }
    made.push_str(rest);
    made
}

/// Where the brace that is open at the start is closed.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn patterns_leave_the_braces_and_names_stay() {
        for (template, made) in [
            ("https://api.example/v1", "https://api.example/v1"),
            ("https://{sub}.api.example/{version}", "https://{sub}.api.example/{version}"),
            (r"{protocol}://{addr:^(?:[^.]+|[0-9]+\.[0-9]+(?:\:[0-9]+)?)$}/", "{protocol}://{addr}/"),
            ("https://{site:[a-z]{2,3}/?}/v1/{id}", "https://{site}/v1/{id}"),
            ("/v1/{name=projects/*}:cancel", "/v1/{name}:cancel"),
            ("/v1/{name", "/v1/{name"),
        ] {
            assert_eq!(bare(template), made);
        }
    }
}
