use std::time::Duration;

use wasmtime::{Result, bail};

use crate::bindings::mixmesh::host::outbound::{self, SendError};
use crate::guest::GuestState;
use crate::outbound::{Assembling, HttpOptions, Message, Protocol, Refusal, TargetSpec};

impl outbound::Host for GuestState {
    fn open(&mut self, target: outbound::Target) -> Result<Result<u32, String>> {
        let Some(naming) = &mut self.naming else {
            bail!("the adapter opened a target outside of configure");
        };
        let number = naming.targets;
        Ok(match self.surroundings.targets.name(number as usize, spec(target))? {
            Ok(()) => {
                naming.targets += 1;
                Ok(number)
            }
            Err(problem) => Err(problem),
        })
    }

    fn send(&mut self, target: u32, message: outbound::Message) -> Result<Result<(), SendError>> {
        if let Some(naming) = &self.naming {
            // The same answer in each instance: the first is configured before anything is opened.
            if target < naming.targets {
                return Ok(Err(SendError::Closed));
            }
            bail!("the adapter sent to target {target}, which it has not opened");
        }
        let outbound::Message { data, elements, token } = message;
        let message = Message { data, elements, token };
        let Some(outcome) = self.surroundings.targets.send(target, message) else {
            bail!("the adapter sent to target {target}, which it has not opened");
        };
        Ok(outcome.map_err(|refusal| match refusal {
            Refusal::Full => SendError::Full,
            Refusal::TooLarge => SendError::TooLarge,
            Refusal::Closed => SendError::Closed,
        }))
    }
}

fn spec(target: outbound::Target) -> TargetSpec {
    let assembling = target.assembly.map(|assembly| Assembling {
        prefix: assembly.prefix,
        separator: assembly.separator,
        suffix: assembly.suffix,
        max_bytes: assembly.max_bytes as usize,
        linger: Duration::from_nanos(assembly.linger),
    });
    TargetSpec {
        parameter: target.parameter,
        protocol: match target.protocol {
            outbound::Protocol::Udp => Protocol::Udp,
            outbound::Protocol::Tcp => Protocol::Tcp,
            outbound::Protocol::Http => Protocol::Http,
        },
        assembling,
        http: target.http.map(|options| HttpOptions {
            default_path: options.default_path,
            headers: options.headers,
            gzip: options.gzip,
        }),
        conversation: target.conversation,
    }
}
