use std::collections::BTreeMap;

use adapter_sdk::Problems;

use crate::envelope::{DATA, Envelope};
use crate::outlet::{Outlet, Signal, resource};
use crate::parameters::Parameters;
use crate::wire;

/// Log entries or spans of the batch under way, by the service that they come from.
#[derive(Debug)]
pub(crate) struct Rows {
    outlet: Outlet,
    parameters: Parameters,
    max_bytes: usize,
    pending: BTreeMap<String, Request>,
    /// Why rows of the batch under way are lost.
    lost: Option<String>,
}

#[derive(Debug, Default)]
struct Request {
    data: Vec<u8>,
    elements: u32,
}

impl Rows {
    pub(crate) fn new(
        signal: Signal,
        parameters: &Parameters,
        problems: &mut Problems,
    ) -> Option<Self> {
        Some(Self {
            outlet: Outlet::open(signal, parameters, problems)?,
            parameters: parameters.clone(),
            max_bytes: parameters.max_request_bytes as usize,
            pending: BTreeMap::new(),
            lost: None,
        })
    }

    /// Adds a row of a service; empty: the one of the parameters.
    pub(crate) fn push(&mut self, service: &str, row: &[u8]) {
        let service = if service.is_empty() { &self.parameters.service_name } else { service };
        if !self.pending.contains_key(service) {
            self.pending.insert(service.to_owned(), Request::default());
        }
        let Some(request) = self.pending.get_mut(service) else { return };
        wire::bytes(&mut request.data, DATA, row);
        request.elements += 1;
        if request.data.len() >= self.max_bytes / 2 {
            let (service, request) = (service.to_owned(), std::mem::take(request));
            self.send(&service, &request);
        }
    }

    /// Sends what the batch has. When some of it is lost, nobody knows what: all counts as lost.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        for (service, request) in std::mem::take(&mut self.pending) {
            self.send(&service, &request);
        }
        self.lost.take().map_or(Ok(()), Err)
    }

    fn send(&mut self, service: &str, request: &Request) {
        if request.data.is_empty() {
            return;
        }
        let envelope = Envelope::new(&resource(&self.parameters, service));
        if let Err(message) = self.outlet.send(envelope.request(&request.data), request.elements) {
            self.lost = Some(message);
        }
    }
}
