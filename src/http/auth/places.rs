//! A statement's value where a credential stands. Documents declare such headers as parameters, too; one of the two would
//! be lost without a word. Reads no credential.

use super::{Call, Keyring};
use crate::error::{Error, Result};
use crate::registry::{Access, AuthWay, CredentialPlace, Location, Parameter};

/// Refuses a call that gives a value where the way to sign in that is in force puts its own.
///
/// # Errors
/// Names the parameter, never the value.
pub fn check_places(access: &Access, keyring: &Keyring, call: &Call) -> Result<()> {
    let scheme = keyring.choose(&access.schemes).or(access.schemes.first());
    let Some(AuthWay::Placed(placed)) = scheme.map(|scheme| &scheme.way) else { return Ok(()) };
    let taken = |parameter: &&Parameter| {
        placed.iter().any(|one| match (&one.place, parameter.location) {
            (CredentialPlace::Header(name), Location::Header) => name.eq_ignore_ascii_case(&parameter.wire),
            (CredentialPlace::Query(name), Location::Query) => *name == parameter.wire,
            _ => false,
        })
    };
    let given = |parameter: &&Parameter| call.argument(&parameter.wire).is_some_and(|value| !value.is_null());
    match call.method.parameters.iter().filter(taken).find(given) {
        None => Ok(()),
        Some(Parameter { name, .. }) => {
            Err(Error::statement(format!("`{name}` is where the credential stands, and a statement cannot replace it"))
                .hint(format!("Leave `{name}` out: the request is signed in without it.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::http::scripted::{keyring, method, parameter};
    use crate::registry::{AuthScheme, HttpVerb};

    #[test]
    fn a_statement_does_not_replace_a_credential_and_other_ways_leave_its_place_free() {
        let schemes = vec![AuthScheme::bearer("TOKEN"), AuthScheme::headers([("X-Key".to_owned(), "KEY".to_owned())])];
        let access = Access { schemes, ..Access::default() };
        let mut method = method(HttpVerb::Get, "/x");
        method.parameters = vec![parameter("x-key", Location::Header)];
        let given = Call::new(Arc::new(method), vec![("x-key".into(), json!("mine"))]);
        let free = Call { arguments: Vec::new(), ..given.clone() };
        let by_key = keyring(&[("KEY", "k")]);
        let error = check_places(&access, &by_key, &given).unwrap_err();
        assert!(error.message().contains("`x-key` is where the credential stands"), "{error}");
        assert!(!error.message().contains("mine"));
        assert!(check_places(&access, &by_key, &free).is_ok());
        assert!(check_places(&access, &keyring(&[("TOKEN", "t")]), &given).is_ok());
    }
}
