//! Network devices that move into the container, and cache and memory bandwidth (config-linux.md,
//! network devices and intelRdt).

use cofferdam_oci::runtime::{Linux, NamespaceType};
use cofferdam_sys::netlink::NAME_LENGTH;

use super::{NetDevice, Resctrl};
use crate::{error::Error, id::ContainerId};

pub(super) fn net_devices(linux: &Linux) -> Result<Vec<NetDevice>, Error> {
    let mut found: Vec<NetDevice> = Vec::new();
    for (host, device) in &linux.net_devices {
        let wrong = |why: &str| Error::configuration(format!("/linux/netDevices/{host}"), why);
        if linux.namespace(NamespaceType::Network).is_none() {
            return Err(wrong("there is no 'network' namespace that it could move to"));
        }
        let inside = if device.name.is_empty() { host } else { &device.name };
        if !is_name(host, false) || !is_name(inside, true) {
            return Err(wrong("a name has 1 to 15 bytes, without space, '/' and ':'"));
        }
        if found.iter().any(|other| other.inside == *inside && !inside.contains('%')) {
            return Err(wrong("another device has the same name inside"));
        }
        found.push(NetDevice { host: host.clone(), inside: inside.clone() });
    }
    Ok(found)
}

/// As the kernel checks names (`dev_valid_name`), with one `%d` where that is a template.
fn is_name(name: &str, template: bool) -> bool {
    let rest = if template { name.replacen("%d", "", 1) } else { name.to_owned() };
    (1..=NAME_LENGTH).contains(&name.len())
        && ![".", ".."].contains(&name)
        && rest.bytes().all(|b| b.is_ascii_graphic() && !b"/:%".contains(&b))
}

pub(super) fn resctrl(id: &ContainerId, linux: &Linux) -> Result<Option<Resctrl>, Error> {
    let Some(asked) = &linux.intel_rdt else { return Ok(None) };
    let wrong =
        |field: &str, why: &str| Error::configuration(format!("/linux/intelRdt/{field}"), why);
    let root = asked.clos_id == "/";
    let plain = !asked.clos_id.contains(['/', '\0', '\n'])
        && ![".", "..", "info", "mon_data", "mon_groups"].contains(&asked.clos_id.as_str());
    if !root && !plain {
        return Err(wrong("closID", "it is no name of a class of service"));
    }
    let mut schemata = Vec::new();
    for (field, lines, begin) in [
        ("l3CacheSchema", std::slice::from_ref(&asked.l3_cache_schema), ""),
        ("memBwSchema", std::slice::from_ref(&asked.mem_bw_schema), "MB:"),
        ("schemata", &asked.schemata[..], ""),
    ] {
        for line in lines.iter().filter(|line| !line.is_empty()) {
            if line.contains(['\n', '\0']) || !line.starts_with(begin) {
                return Err(wrong(field, "it has a line break, or no 'MB:' at its beginning"));
            }
            schemata.push(line.clone());
        }
    }
    let own = asked.clos_id.is_empty();
    Ok(Some(Resctrl {
        group: match (own, root) {
            (true, _) => id.to_string(),
            (_, true) => String::new(),
            _ => asked.clos_id.clone(),
        },
        own,
        schemata,
        monitoring: asked.enable_monitoring.then(|| id.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::{IntelRdt, Namespace, NetDevice as Asked};

    use super::*;

    #[test]
    fn devices_are_renamed_to_what_the_kernel_takes() {
        let planned = |host: &str, name: &str, network: bool| {
            let kind = NamespaceType::Network;
            let namespaces =
                if network { vec![Namespace { kind, path: String::new() }] } else { vec![] };
            let device = Asked { name: name.into() };
            let net_devices = [(host.to_owned(), device)].into();
            net_devices_of(Linux { namespaces, net_devices, ..Linux::default() })
        };
        fn net_devices_of(linux: Linux) -> Result<String, Error> {
            net_devices(&linux).map(|found| found[0].inside.clone())
        }
        assert_eq!(planned("eth1", "", true).unwrap(), "eth1");
        assert_eq!(planned("eth1", "c%d", true).unwrap(), "c%d");
        for (host, name) in [
            ("eth1", "a/b"),
            ("eth1", "a b"),
            ("a%d", ""),
            ("", "x"),
            ("eth1", "c%d%d"),
            ("eth1", "c%s"),
        ] {
            assert!(planned(host, name, true).is_err(), "{host} {name}");
        }
        assert!(planned("eth1", "sixteen-letters-", true).is_err());
        assert!(planned("eth1", "", false).is_err());
    }

    #[test]
    fn classes_of_service_stay_in_their_directory() {
        let planned = |clos: &str, l3: &str, line: &str| {
            let intel_rdt = Some(IntelRdt {
                clos_id: clos.into(),
                l3_cache_schema: l3.into(),
                schemata: vec![line.into()],
                ..IntelRdt::default()
            });
            resctrl(&"c1".parse().unwrap(), &Linux { intel_rdt, ..Linux::default() })
        };
        let own = planned("", "L3:0=f", "MB:0=10").unwrap().unwrap();
        assert_eq!((own.group.as_str(), own.own), ("c1", true));
        assert_eq!(own.schemata, ["L3:0=f", "MB:0=10"]);
        let shared = planned("/", "", "").unwrap().unwrap();
        assert_eq!((shared.group.as_str(), shared.own), ("", false));
        for (clos, line) in [("a/b", ""), ("..", ""), ("info", ""), ("x", "L3:0=f\nMB:0=1")] {
            assert!(planned(clos, "", line).is_err(), "{clos}");
        }
    }
}
