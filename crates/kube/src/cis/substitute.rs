//! Variables of a file of checks: `$kubeletbin`, `$etcdconf`.

use regex::Regex;

use super::{
    config::Component,
    evaluate::pattern,
    node::{Node, Process, Trouble},
    tools::is_named,
};

/// What the variables of a section stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// Names with values, programs first.
    pub values: Vec<(String, String)>,
    /// The components that have to run and do not.
    pub missing: Vec<String>,
    /// What could not be looked at.
    pub unreadable: Vec<String>,
}

/// A text with its variables replaced, and the programs that stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substituted {
    /// The text.
    pub text: String,
    /// Programs that were put in.
    pub programs: Vec<String>,
}

impl Variables {
    /// Looks on `node` for the programs and files of a section's components.
    ///
    /// As in kube-bench, no program is named if one that has to run does not.
    pub fn of(components: &[Component], node: &dyn Node) -> Self {
        let mut found = Self::default();
        let processes = node.processes();
        let mut programs = Vec::new();
        for component in components.iter().filter(|component| !component.programs.is_empty()) {
            let running = processes.as_deref().map_or_else(
                // Nobody knows what runs: the usual name is as good as any.
                || component.programs.iter().rev().find(|name| !name.contains(' ')),
                |processes| component.programs.iter().find(|name| runs(name, processes)),
            );
            if running.is_none() && !component.optional {
                found.missing.push(component.name.clone());
            }
            let program = running.map_or(component.name.as_str(), String::as_str);
            programs.push((format!("${}bin", component.name), program.to_owned()));
        }
        if found.missing.is_empty() {
            found.values = programs;
        }
        for ending in ["conf", "svc", "kubeconfig", "cafile", "datadir"] {
            for component in components {
                let file = found.file(component, ending, node);
                found.values.push((format!("${}{ending}", component.name), file));
            }
        }
        found
    }

    fn file(&mut self, component: &Component, ending: &str, node: &dyn Node) -> String {
        let Some(files) = component.files.get(ending) else { return component.name.clone() };
        for candidate in &files.candidates {
            match node.stat(candidate, true) {
                Ok(_) => return candidate.clone(),
                Err(Trouble::Unreadable(why)) => {
                    self.unreadable.push(format!("{candidate}: {why}"));
                }
                Err(_) => {}
            }
        }
        files.otherwise.clone().unwrap_or_else(|| component.name.clone())
    }

    /// Puts the values into a text, as quoted words where they have several.
    pub fn substitute(&self, text: &str) -> Substituted {
        let mut substituted = Substituted { text: text.to_owned(), programs: Vec::new() };
        for (name, value) in self.values.iter().filter(|(_, value)| !value.is_empty()) {
            if !substituted.text.contains(name.as_str()) {
                continue;
            }
            if name.ends_with("bin") {
                substituted.programs.push(value.clone());
            }
            let quoted = if value.split_whitespace().count() > 1 {
                format!("'{value}'")
            } else {
                value.clone()
            };
            substituted.text = substituted.text.replace(name.as_str(), &quoted);
        }
        substituted
    }
}

/// Whether a program runs: its first word is the program's name, all of it begins the command.
pub fn runs(program: &str, processes: &[Process]) -> bool {
    let program = program.trim_matches(['\'', '"']);
    let Some(first) = program.split_whitespace().next() else { return false };
    let Ok(begins): Result<Regex, _> = pattern(&format!("^(\\S*/)*{program}")) else {
        return false;
    };
    processes.iter().any(|process| is_named(process, first) && begins.is_match(&process.command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cis::{config::Config, node::Memory};

    fn process(name: &str, command: &str) -> Process {
        Process { name: name.into(), command: command.into(), ..Process::default() }
    }

    #[test]
    fn a_program_runs_if_the_command_begins_with_it() {
        let processes = [
            process("kubelet", "/usr/bin/kubelet --config=/x"),
            process("hyperkube", "/hyperkube apiserver --a"),
            process("kube-controller", "kube-controller-manager --b"),
        ];
        for (program, expected) in [
            ("kubelet", true),
            ("hyperkube apiserver", true),
            ("hyperkube kubelet", false),
            ("kube-controller-manager", true),
            ("kube-apiserver", false),
            ("'kubelet'", true),
            ("", false),
        ] {
            assert_eq!(runs(program, &processes), expected, "{program}");
        }
    }

    #[test]
    fn variables_stand_for_what_is_there() {
        let config = Config::parse(
            "node: {components: [kubelet, etcd], kubelet: {bins: ['hyperkube kubelet', kubelet], \
             confs: [/a, /b], defaultconf: /z}, etcd: {optional: true, bins: [etcd]}}",
        )
        .unwrap();
        let components = config.components("node").unwrap();
        let mut node = Memory::default();
        node.add("/b", 0o600, "");
        node.processes = Some(vec![process("hyperkube", "hyperkube kubelet --x")]);
        let variables = Variables::of(&components, &node);
        let substituted =
            variables.substitute("ps -C $kubeletbin; cat $kubeletconf $etcdbin $etcdsvc");
        assert_eq!(substituted.text, "ps -C 'hyperkube kubelet'; cat /b etcd etcd");
        assert_eq!(substituted.programs, ["hyperkube kubelet", "etcd"]);
        node.processes = Some(Vec::new());
        let variables = Variables::of(&components, &node);
        assert_eq!(variables.missing, ["kubelet"]);
        assert_eq!(variables.substitute("$kubeletbin $etcdbin").text, "$kubeletbin $etcdbin");
    }
}
