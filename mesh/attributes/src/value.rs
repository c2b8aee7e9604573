use crate::StringMap;

/// The type that a manifest declares for an attribute (numbers of Istio's `ValueType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// UTF-8 text.
    String = 1,
    /// A signed 64-bit integer.
    Int64 = 2,
    /// An IEEE 754 double.
    Double = 3,
    /// True or false.
    Bool = 4,
    /// A point in time.
    Timestamp = 5,
    /// 4 or 16 bytes in network order.
    IpAddress = 6,
    /// Text holding an e-mail address.
    EmailAddress = 7,
    /// Text holding a URI.
    Uri = 8,
    /// Text holding a DNS name.
    DnsName = 9,
    /// A length of time.
    Duration = 10,
    /// Text to text.
    StringMap = 11,
}

impl ValueType {
    /// All types, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::String,
        Self::Int64,
        Self::Double,
        Self::Bool,
        Self::Timestamp,
        Self::IpAddress,
        Self::EmailAddress,
        Self::Uri,
        Self::DnsName,
        Self::Duration,
        Self::StringMap,
    ];

    /// The name in configuration and error texts, such as `IP_ADDRESS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Int64 => "INT64",
            Self::Double => "DOUBLE",
            Self::Bool => "BOOL",
            Self::Timestamp => "TIMESTAMP",
            Self::IpAddress => "IP_ADDRESS",
            Self::EmailAddress => "EMAIL_ADDRESS",
            Self::Uri => "URI",
            Self::DnsName => "DNS_NAME",
            Self::Duration => "DURATION",
            Self::StringMap => "STRING_MAP",
        }
    }

    /// The type with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// A point in time: seconds and nanoseconds since the Unix epoch.
///
/// Kept as on the wire: 64-bit nanoseconds would not hold what a protobuf `Timestamp` can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Seconds since the epoch, negative before it.
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    pub nanos: i32,
}

/// A signed length of time: seconds and nanoseconds of the same sign, as protobuf's `Duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Whole seconds.
    pub seconds: i64,
    /// The rest in nanoseconds, of the same sign.
    pub nanos: i32,
}

impl Span {
    /// The span of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { seconds: nanos / 1_000_000_000, nanos: (nanos % 1_000_000_000) as i32 }
    }

    /// The length in nanoseconds, held at the ends of the 64-bit range.
    pub const fn as_nanos(self) -> i64 {
        self.seconds.saturating_mul(1_000_000_000).saturating_add(self.nanos as i64)
    }
}

/// A value as it lies in a bag: by its type on the wire, borrowed.
///
/// `STRING`, `DNS_NAME`, `EMAIL_ADDRESS` and `URI` all travel as [`Value::String`], an `IP_ADDRESS`
/// as [`Value::Bytes`]; the declared [`ValueType`] says which is meant.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Text.
    String(&'a str),
    /// An integer.
    Int64(i64),
    /// A double.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// A point in time.
    Timestamp(Timestamp),
    /// A length of time.
    Duration(Span),
    /// Raw bytes, an address in practice.
    Bytes(&'a [u8]),
    /// A map of texts.
    StringMap(&'a dyn StringMap),
}

impl Value<'_> {
    /// Whether a value of this wire type can stand for the declared type.
    pub fn fits(&self, declared: ValueType) -> bool {
        use ValueType as T;
        match self {
            Self::String(_) => {
                matches!(declared, T::String | T::DnsName | T::EmailAddress | T::Uri)
            }
            Self::Int64(_) => declared == T::Int64,
            Self::Double(_) => declared == T::Double,
            Self::Bool(_) => declared == T::Bool,
            Self::Timestamp(_) => declared == T::Timestamp,
            Self::Duration(_) => declared == T::Duration,
            Self::Bytes(_) => declared == T::IpAddress,
            Self::StringMap(_) => declared == T::StringMap,
        }
    }
}
