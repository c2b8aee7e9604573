use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Result, bail};

use crate::bindings::mixmesh::host::lists;
use crate::guest::GuestState;
use crate::lists::{Document, ListSpec};

impl lists::Host for GuestState {
    fn open(&mut self, source: lists::Source) -> Result<Result<u32, String>> {
        let Some(naming) = &mut self.naming else {
            bail!("the adapter opened a document outside of configure");
        };
        let number = naming.lists;
        let spec = ListSpec {
            parameter: source.parameter,
            refresh: Duration::from_nanos(source.refresh),
            keep: (source.keep > 0).then(|| Duration::from_nanos(source.keep)),
            max_bytes: source.max_bytes,
        };
        Ok(match self.surroundings.lists.name(number as usize, spec)? {
            Ok(()) => {
                naming.lists += 1;
                Ok(number)
            }
            Err(problem) => Err(problem),
        })
    }

    fn version(&mut self, list: u32) -> Result<Option<u64>> {
        Ok(self.document(list)?.map(|document| document.version))
    }

    fn read(&mut self, list: u32) -> Result<Option<lists::Document>> {
        let document = self.document(list)?;
        Ok(document.map(|document| lists::Document {
            version: document.version,
            content: document.content.to_vec(),
        }))
    }
}

impl GuestState {
    fn document(&self, list: u32) -> Result<Option<Arc<Document>>> {
        if let Some(naming) = &self.naming {
            // The same answer in each instance: the first is configured before anything is fetched.
            if list < naming.lists {
                return Ok(None);
            }
        } else if let Some(document) = self.surroundings.lists.current(list) {
            return Ok(document);
        }
        bail!("the adapter reads document {list}, which it has not opened")
    }
}
