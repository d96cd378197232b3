//! Facts of the built-in documents that no statement shows, as the library reads them.

use std::time::Duration;

use weir::registry::{Idempotency, Registry};

#[test]
fn the_built_in_documents_say_how_long_a_key_holds_what_settles_and_what_names_a_request() {
    let registry = Registry::open(&[], None).unwrap();
    let provider = registry.provider("cloudflare").unwrap();
    assert_eq!(provider.access.request_id.as_deref(), Some("cf-ray"));
    let inputs = registry.resource("cloudflare", "stream", "live_inputs").unwrap();
    let key = Idempotency { header: "Idempotency-Key".to_owned(), valid: Some(Duration::from_hours(6)) };
    assert_eq!(inputs.method("create").unwrap().idempotency, Some(key));
    assert_eq!(inputs.method("update").unwrap().idempotency, None);
    let streams = registry.resource("cloudflare", "realtime_kit", "livestreams").unwrap();
    let settling: Vec<&str> = streams.methods.iter().filter(|m| m.settles.is_some()).map(|m| m.name.as_str()).collect();
    assert_eq!(settling, ["start_livestreaming_a_meeting", "create_independent_livestream"]);
    for name in settling {
        let settles = streams.method(name).unwrap().settles.as_ref().unwrap();
        assert_eq!((settles.method.as_str(), settles.every), ("get", Duration::from_secs(3)));
        assert_eq!((&settles.done[..], &settles.failed[..]), (&["LIVE".to_owned()][..], &["ERRORED".to_owned()][..]));
        let column = streams.row_column(streams.method("get").unwrap(), &settles.column).unwrap();
        assert_eq!(column.wire, "status");
    }
}
