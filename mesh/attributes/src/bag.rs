use crate::{AttributeName, Value};

/// Anything that answers look-ups of attributes.
pub trait Bag {
    /// The value of `name`, or `None` when the bag has none.
    fn get(&self, name: &AttributeName) -> Option<Value<'_>>;

    /// The value under `key` of the map `name`, in one of the four states that policy can tell apart.
    fn get_key(&self, name: &AttributeName, key: &str) -> KeyState<'_> {
        match self.get(name) {
            None => KeyState::MapAbsent,
            Some(Value::StringMap(map)) => {
                map.get(key).map_or(KeyState::KeyAbsent, KeyState::Value)
            }
            Some(_) => KeyState::NotAMap,
        }
    }
}

/// A bag that can list what it holds, for encoders and whole copies.
pub trait EachAttribute {
    /// Calls `f` once for each attribute. The order is the bag's own.
    fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>));
}

/// What a look-up of a map's key finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState<'a> {
    /// The map has the key.
    Value(&'a str),
    /// The map is there and lacks the key.
    KeyAbsent,
    /// There is no such attribute.
    MapAbsent,
    /// The attribute is there and is no map.
    NotAMap,
}

/// A map of texts inside a bag.
pub trait StringMap {
    /// The value under `key`.
    fn get(&self, key: &str) -> Option<&str>;

    /// Calls `f` once for each entry, in the map's own order (not sorted).
    fn each(&self, f: &mut dyn FnMut(&str, &str));
}

impl<B: Bag + ?Sized> Bag for &B {
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        (**self).get(name)
    }

    fn get_key(&self, name: &AttributeName, key: &str) -> KeyState<'_> {
        (**self).get_key(name, key)
    }
}
