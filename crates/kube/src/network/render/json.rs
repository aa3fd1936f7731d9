//! Everything, for programs: groups and the links between them.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    super::{
        address::AddressRange,
        cluster::Cluster,
        listing::{Listing, Unit},
        port::{PortSet, Protocol},
    },
    in_use,
};

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    groups: Vec<Group<'a>>,
    connections: Vec<Connection>,
    gaps: &'a [cofferdam_finding::Gap],
}

#[derive(Serialize)]
struct Group<'a> {
    id: usize,
    members: Vec<Member<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
enum Member<'a> {
    Workload { namespace: &'a str, kind: &'a str, name: &'a str },
    Pod { namespace: &'a str, name: &'a str },
    Node { name: &'a str },
    IngressController,
    Addresses { first: String, last: String, blocks: Vec<String> },
}

/// Connections from every member of one group to every other member of another.
#[derive(Serialize)]
struct Connection {
    from: usize,
    to: usize,
    ports: Ports,
}

/// Ports as serialised in every JSON form: `{"all": true}`, or ranges by protocol.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ports {
    all: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tcp: Vec<(u16, u16)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    udp: Vec<(u16, u16)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sctp: Vec<(u16, u16)>,
}

impl Ports {
    pub(crate) fn of(ports: &PortSet) -> Self {
        let all = ports.is_all();
        let ranges = |protocol| match all {
            true => Vec::new(),
            false => ports.ranges(protocol).to_vec(),
        };
        Self {
            all,
            tcp: ranges(Protocol::Tcp),
            udp: ranges(Protocol::Udp),
            sctp: ranges(Protocol::Sctp),
        }
    }
}

impl<'a> Member<'a> {
    fn of(unit: &'a Unit) -> Self {
        match unit {
            Unit::Workload(id) => {
                Self::Workload { namespace: &id.namespace, kind: &id.kind, name: &id.name }
            }
            Unit::Pod { namespace, name } => Self::Pod { namespace, name },
            Unit::Node(name) => Self::Node { name },
            Unit::IngressController => Self::IngressController,
            Unit::Addresses(range) => Self::of_range(range),
        }
    }

    fn of_range(range: &AddressRange) -> Self {
        Self::Addresses {
            first: range.first_address().to_string(),
            last: range.last_address().to_string(),
            blocks: range.blocks().iter().map(ToString::to_string).collect(),
        }
    }
}

/// Version of the form: fields are only ever added; the number rises when one is.
const SCHEMA_VERSION: u32 = 1;

/// Groups of what no policy tells apart, and the ports between them.
///
/// # Errors
/// As `out` has them.
pub fn json(listing: &Listing, cluster: &Cluster, out: &mut dyn Write) -> io::Result<()> {
    let used = in_use(listing);
    let groups = listing.groups.iter().enumerate().filter(|(id, _)| used[*id]);
    let links = listing.links.iter().filter(|link| listing.is_told(link));
    let document = Document {
        schema_version: SCHEMA_VERSION,
        groups: groups
            .map(|(id, units)| Group { id, members: units.iter().map(Member::of).collect() })
            .collect(),
        connections: links
            .map(|it| Connection { from: it.from, to: it.to, ports: Ports::of(&it.ports) })
            .collect(),
        gaps: &cluster.gaps,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
