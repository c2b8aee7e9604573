use std::convert::Infallible;
use std::future::Future;
use std::time::Instant;

use tracing::info;

use super::connection::{Connection, check_files};
use super::error::EtcdError;
use super::follow::{Follower, revision_of};
use super::snapshot::{Prefix, read_all};
use crate::source::{Backoff, Inventory, Publisher, SourceFeed, explain};
use crate::{ConfigError, EtcdLocation};

/// How often reading all keys is begun anew on one connection because etcd compacts meanwhile.
const MAX_READS: u32 = 5;

/// Follows the keys below a prefix of etcd.
///
/// What was read stays in force while etcd is away. The revision of a set is etcd's own: that of the
/// newest change in it, or that of the whole store when everything was read.
pub struct EtcdSource {
    location: EtcdLocation,
    prefix: Prefix,
    inventory: Inventory,
    publisher: Publisher,
}

impl EtcdSource {
    /// Prepares to follow `location`, without connecting.
    ///
    /// # Errors
    /// When a file that the location names cannot be read.
    pub fn open(location: &EtcdLocation) -> Result<(Self, SourceFeed), ConfigError> {
        check_files(location)?;
        let (publisher, feed) = Publisher::new(&location.to_string());
        let source = Self {
            location: location.clone(),
            prefix: Prefix::new(&location.prefix),
            inventory: Inventory::new(),
            publisher,
        };
        Ok((source, feed))
    }

    /// Connects, again and again if need be, and publishes each change until `shutdown` resolves.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            never = self.follow() => match never {},
        }
    }

    async fn follow(&mut self) -> Infallible {
        let mut backoff = Backoff::new();
        let endpoints = self.location.endpoints.clone();
        loop {
            for endpoint in &endpoints {
                let begun = Instant::now();
                let error = match self.session(endpoint).await {
                    Ok(never) => match never {},
                    Err(error) => error,
                };
                self.publisher.lost(&explain(&error));
                backoff.connection_lasted(begun.elapsed());
                tokio::time::sleep(backoff.delay()).await;
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn session(&mut self, endpoint: &str) -> Result<Infallible, EtcdError> {
        let connection = Connection::open(&self.location, endpoint).await?;
        self.publisher.reached();
        loop {
            let revision = self.read(&connection).await?;
            self.publisher.synced(self.inventory.commit(revision_of(revision)));
            let follower = Follower::open(&connection, &self.prefix, revision).await?;
            let resync = follower.follow(&mut self.inventory, &self.publisher).await?;
            info!(endpoint, cause = ?resync, "All keys are read again.");
        }
    }

    async fn read(&mut self, connection: &Connection) -> Result<i64, EtcdError> {
        let mut reads = 1;
        loop {
            match read_all(connection, &self.prefix, &mut self.inventory).await {
                Err(EtcdError::Compacted { .. }) if reads < MAX_READS => reads += 1,
                other => return other,
            }
        }
    }
}
