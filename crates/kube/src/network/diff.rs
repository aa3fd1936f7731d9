//! What differs between the connections of two clusters.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    address::AddressRange,
    listing::{Listing, Unit},
    port::PortSet,
    render::short,
};

/// A pair of ends whose connections differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where the connections come from.
    pub from: Unit,
    /// Where they go to.
    pub to: Unit,
    /// Ports before.
    pub before: PortSet,
    /// Ports now.
    pub now: PortSet,
}

/// How the connections of a pair differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// There were none.
    Added,
    /// There are none any more.
    Removed,
    /// They are on other ports.
    Changed,
}

impl Change {
    /// How they differ.
    pub fn kind(&self) -> Kind {
        match (self.before.is_empty(), self.now.is_empty()) {
            (true, _) => Kind::Added,
            (_, true) => Kind::Removed,
            _ => Kind::Changed,
        }
    }
}

/// What differs.
#[derive(Debug, Default)]
pub struct Difference {
    /// Pairs, by name.
    pub changes: Vec<Change>,
    /// Ends that are new, and those that are gone; what is in the cluster only.
    pub added: Vec<Unit>,
    /// Ends that are gone.
    pub removed: Vec<Unit>,
}

type Pairs<'a> = BTreeMap<(&'a Unit, &'a Unit), &'a PortSet>;

/// What differs between `before` and `now`. Ranges of addresses are compared address by address.
pub fn difference(before: &Listing, now: &Listing) -> Difference {
    let inside = |listing: &Listing| {
        let pairs = listing.pairs().flat_map(|(from, to, _)| [from, to]);
        let units = pairs.filter(|unit| !unit.is_outside());
        units.cloned().collect::<BTreeSet<_>>()
    };
    let all = |listing: &Listing| {
        let units = listing.groups.iter().flatten().filter(|unit| !unit.is_outside());
        units.cloned().chain(inside(listing)).collect::<BTreeSet<_>>()
    };
    let (units_before, units_now) = (all(before), all(now));
    let mut changes = pairs(before, now);
    changes.extend(addresses(before, now));
    changes.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    Difference {
        changes,
        added: units_now.difference(&units_before).cloned().collect(),
        removed: units_before.difference(&units_now).cloned().collect(),
    }
}

/// Pairs within the cluster.
fn pairs(before: &Listing, now: &Listing) -> Vec<Change> {
    let inside = |listing| {
        let all =
            Listing::pairs(listing).filter(|(from, to, _)| !from.is_outside() && !to.is_outside());
        all.map(|(from, to, ports)| ((from, to), ports)).collect::<Pairs<'_>>()
    };
    let (before, now): (Pairs<'_>, Pairs<'_>) = (inside(before), inside(now));
    let none = PortSet::none();
    let both: BTreeSet<_> = before.keys().chain(now.keys()).copied().collect();
    let changes = both.into_iter().filter_map(|pair| {
        let ports = |pairs: &Pairs<'_>| pairs.get(&pair).copied().unwrap_or(&none).clone();
        change(pair.0.clone(), pair.1.clone(), ports(&before), ports(&now))
    });
    changes.collect()
}

fn change(from: Unit, to: Unit, before: PortSet, now: PortSet) -> Option<Change> {
    (before != now).then_some(Change { from, to, before, now })
}

/// An end within the cluster, and whether the addresses are where connections come from.
type Side = (Unit, bool);

/// Pairs of which one end is a range of addresses.
fn addresses(before: &Listing, now: &Listing) -> Vec<Change> {
    let (before, now) = (ranges(before), ranges(now));
    let sides: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let mut changes = Vec::new();
    for side in sides {
        let of = |ranges: &BTreeMap<Side, Vec<(AddressRange, PortSet)>>| {
            ranges.get(side).cloned().unwrap_or_default()
        };
        for (range, before, now) in sweep(&of(&before), &of(&now)) {
            let (unit, outside) = (side.0.clone(), Unit::Addresses(range));
            let (from, to) = if side.1 { (outside, unit) } else { (unit, outside) };
            changes.extend(change(from, to, before, now));
        }
    }
    changes
}

fn ranges(listing: &Listing) -> BTreeMap<Side, Vec<(AddressRange, PortSet)>> {
    let mut ranges: BTreeMap<Side, Vec<_>> = BTreeMap::new();
    for (from, to, ports) in listing.pairs() {
        match (from, to) {
            (Unit::Addresses(range), unit) => {
                ranges.entry((unit.clone(), true)).or_default().push((*range, ports.clone()));
            }
            (unit, Unit::Addresses(range)) => {
                ranges.entry((unit.clone(), false)).or_default().push((*range, ports.clone()));
            }
            _ => {}
        }
    }
    ranges.values_mut().for_each(|ranges| ranges.sort());
    ranges
}

/// The ranges in which both are the same throughout, joined where what differs is the same.
fn sweep(
    before: &[(AddressRange, PortSet)],
    now: &[(AddressRange, PortSet)],
) -> Vec<(AddressRange, PortSet, PortSet)> {
    let mut cuts = BTreeSet::new();
    for (range, _) in before.iter().chain(now) {
        cuts.insert((range.family, range.first));
        cuts.extend(range.last.checked_add(1).map(|cut| (range.family, cut)));
    }
    let cuts: Vec<_> = cuts.into_iter().collect();
    let ports_at = |ranges: &[(AddressRange, PortSet)], cut| {
        let after = ranges.partition_point(|(range, _)| (range.family, range.last) < cut);
        let at = ranges.get(after).filter(|(range, _)| (range.family, range.first) <= cut);
        at.map_or_else(PortSet::none, |(_, ports)| ports.clone())
    };
    let mut swept: Vec<(AddressRange, PortSet, PortSet)> = Vec::new();
    for (index, cut) in cuts.iter().enumerate() {
        let next = cuts.get(index + 1).filter(|next| next.0 == cut.0);
        let last = next.map_or(cut.0.last(), |next| next.1 - 1);
        let range = AddressRange { family: cut.0, first: cut.1, last };
        let (before, now) = (ports_at(before, *cut), ports_at(now, *cut));
        match swept.last_mut() {
            Some(one)
                if one.0.family == range.family
                    && one.0.last.checked_add(1) == Some(range.first)
                    && (&one.1, &one.2) == (&before, &now) =>
            {
                one.0.last = range.last;
            }
            _ => swept.push((range, before, now)),
        }
    }
    swept
}

#[derive(Serialize)]
struct Written {
    kind: Kind,
    from: String,
    to: String,
    before: String,
    now: String,
}

impl Serialize for Difference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let changes = self.changes.iter().map(|it| Written {
            kind: it.kind(),
            from: it.from.label(),
            to: it.to.label(),
            before: it.before.to_string(),
            now: it.now.to_string(),
        });
        let labels = |units: &[Unit]| units.iter().map(Unit::label).collect::<Vec<_>>();
        let mut object = serializer.serialize_struct("Difference", 4)?;
        object.serialize_field("schema_version", &1)?;
        object.serialize_field("changes", &changes.collect::<Vec<_>>())?;
        object.serialize_field("added", &labels(&self.added))?;
        object.serialize_field("removed", &labels(&self.removed))?;
        object.end()
    }
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }

    /// A line for each change, `+`, `-` or `~` before it.
    ///
    /// # Errors
    /// As `out` has them.
    pub fn write(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        for unit in &self.added {
            writeln!(out, "+ {}", short(unit))?;
        }
        for unit in &self.removed {
            writeln!(out, "- {}", short(unit))?;
        }
        for change in &self.changes {
            let (from, to) = (short(&change.from), short(&change.to));
            match change.kind() {
                Kind::Added => writeln!(out, "+ {from} -> {to}: {}", change.now)?,
                Kind::Removed => writeln!(out, "- {from} -> {to}: {}", change.before)?,
                Kind::Changed => {
                    writeln!(out, "~ {from} -> {to}: {} (was {})", change.now, change.before)?;
                }
            }
        }
        Ok(())
    }
}
