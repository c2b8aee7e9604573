use super::*;

fn bytes(event: &GenerationsEvent) -> Vec<u8> {
    Frame::write(|out| out.extend_from_slice(&event.encode_to_vec())).bytes().to_vec()
}

fn listed(namespace: &str, digest: &[u8]) -> NamespaceGeneration {
    NamespaceGeneration {
        namespace: namespace.to_owned(),
        revision: 7,
        digest: digest.to_vec(),
        has_check: false,
        quotas: Vec::new(),
    }
}

fn full() -> GenerationsEvent {
    GenerationsEvent {
        full: true,
        namespaces: vec![listed("a", &[1; 16])],
        default: Some(listed("", &[0; 16])),
        removed: Vec::new(),
    }
}

fn read(reader: &mut WatchReader, data: &[u8]) -> Result<Vec<WatchEvent>, WatchError> {
    let mut events = Vec::new();
    reader.read(data, |event| events.push(event))?;
    Ok(events)
}

#[test]
fn events_are_read_wherever_the_stream_is_cut() {
    let heartbeat = GenerationsEvent::default();
    let stream = [bytes(&full()), bytes(&heartbeat)].concat();
    let mut reader = WatchReader::default();
    let mut events = Vec::new();
    for byte in stream {
        events.extend(read(&mut reader, &[byte]).unwrap());
    }
    assert_eq!(events.len(), 2);
    assert!(events[0].full);
    assert_eq!(events[0].namespaces[0].0, "a");
    assert_eq!(events[0].namespaces[0].1.generation.revision, 7);
    assert_eq!(events[1], WatchEvent::default());
}

#[test]
fn a_namespace_with_a_quota_needs_checks() {
    let mut event = full();
    event.namespaces[0].quotas.push("requests".to_owned());
    let events = read(&mut WatchReader::default(), &bytes(&event)).unwrap();
    assert!(events[0].namespaces[0].1.has_check);
    assert!(!events[0].default.unwrap().has_check);
}

#[test]
fn a_stream_that_does_not_begin_with_the_whole_state_is_refused() {
    let heartbeat = bytes(&GenerationsEvent::default());
    assert_eq!(read(&mut WatchReader::default(), &heartbeat), Err(WatchError::NotFull));
}

#[test]
fn digests_of_another_length_and_other_messages_are_refused() {
    let mut event = full();
    event.namespaces[0].digest.pop();
    let refused = read(&mut WatchReader::default(), &bytes(&event)).unwrap_err();
    assert_eq!(refused.to_string(), "watch: digest of namespace \"a\" has 15 bytes instead of 16");
    let garbage = Frame::write(|out| out.extend_from_slice(&[0xff; 9]));
    assert!(matches!(
        read(&mut WatchReader::default(), garbage.bytes()),
        Err(WatchError::Event(_))
    ));
    assert!(matches!(
        read(&mut WatchReader::default(), &[1, 0, 0, 0, 0]),
        Err(WatchError::Frame(_))
    ));
}

#[test]
fn waits_grow_to_a_second_and_start_over_after_success() {
    let mut backoff = Backoff::new(42);
    let waits: Vec<Duration> = (0..8).map(|_| backoff.failed(Some(14))).collect();
    assert!(waits[0] <= FIRST_RETRY && waits[0] > FIRST_RETRY * 7 / 10, "{waits:?}");
    assert!(waits[7] <= LAST_RETRY && waits[7] > LAST_RETRY * 7 / 10, "{waits:?}");
    backoff.succeeded();
    assert!(backoff.failed(None) <= FIRST_RETRY);
    assert_eq!(backoff.failed(Some(UNIMPLEMENTED)), UNSUPPORTED_RETRY);
}
