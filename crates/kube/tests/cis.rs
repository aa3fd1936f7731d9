//! The interpreter of benchmarks' commands: what holds for any text.

use cofferdam_kube::{
    cis::{
        Cluster,
        config::Config,
        controls::Controls,
        node::{Memory, Process},
        shell::{Ended, run},
    },
    load,
};
use proptest::prelude::*;

fn node() -> Memory {
    let mut node = Memory::default();
    node.add("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\n");
    node.add("/etc/group", 0o644, "root:x:0:\n");
    node.add("/etc/k/a.crt", 0o644, "x\n");
    node.add("/etc/k/b.key", 0o600, "providers:\n- aescbc: {}\n");
    node.add("/etc/k/c d.key", 0o640, "");
    node.processes = Some(vec![
        Process {
            pid: 7,
            parent: 1,
            user: "root".into(),
            name: "kube-apiserver".into(),
            command: "kube-apiserver --etcd-servers=x --data-dir /var/e --bad=".into(),
        },
        Process {
            pid: 9,
            name: "kubelet".into(),
            command: "/usr/bin/kubelet".into(),
            ..Process::default()
        },
    ]);
    node.journal = Some("Nov 29 10:00:00 h k3s[1]: Running kube-apiserver --a=b\n".into());
    node
}

/// The exit status and what is printed.
fn sh(text: &str) -> (i32, String) {
    match run(text, &node(), None) {
        Ended::Exit { status, output } => (status, output),
        Ended::Unknown(why) => (-1, why),
    }
}

#[test]
fn commands_do_what_a_shell_does() {
    for (text, status, output) in [
        ("/bin/ps -ef | grep kube-apiserver | grep -v grep | wc -l", 0, "1\n"),
        ("ps -ef | grep -- --data-dir | sed 's%.*data-dir[= ]\\([^ ]*\\).*%\\1%'", 0, "/var/e\n"),
        ("ps -C kubelet -o pid= | tr -d ' '", 0, "9\n"),
        ("ps -fC none >/dev/null", 1, ""),
        (
            "/bin/sh -c 'if test -e /etc/k/a.crt; then stat -c permissions=%a /etc/k/a.crt; fi'",
            0,
            "permissions=644\n",
        ),
        ("stat -c %U:%G /etc/k/*.crt", 0, "root:root\n"),
        ("stat -c %a /none", 1, "stat: cannot statx '/none': No such file or directory\n"),
        (
            "find /etc/k/ -name '*.key' | xargs stat -c %a",
            123,
            "600\nstat: cannot statx '/etc/k/c': No such file or directory\nstat: cannot statx 'd.key': No such file or directory\n",
        ),
        (
            "find /etc/k -name '*.key' -exec stat -c '%a %n' {} +",
            0,
            "600 /etc/k/b.key\n640 /etc/k/c d.key\n",
        ),
        ("find /none -type f 2> /dev/null | xargs --no-run-if-empty stat -c %a", 0, ""),
        ("find /etc/k -type f -not -perm 644 | awk 'END{print NR}' | grep \"^0$\"", 1, ""),
        ("cat /none 2>&1 >/dev/null | cut -d: -f3", 0, " No such file or directory\n"),
        ("x=$(echo a; echo b); echo \"$x\" | tail -n1; echo $x", 0, "b\na b\n"),
        ("for d in a 'b c'; do echo \"[$d]\"; done", 0, "[a]\n[b c]\n"),
        ("printf 'a b\\nc d\\n' | while read -r x y; do echo \"$y\"; done", 0, "b\nd\n"),
        ("if [ -z \"$none\" ] && [[ abc == a* ]]; then echo y; else echo n; fi", 0, "y\n"),
        ("n=2; echo $((n * 3 + 1)) ${none:-d} ${n}x ${#n}", 0, "7 d 2x 1\n"),
        ("l=\"a,b,\"; echo ${l%,} ${l#*,} ${l//,/;}", 0, "a,b b, a;b;\n"),
        ("(echo a; echo F) | (grep -q '^F' && echo found || echo none)", 0, "found\n"),
        ("diff <(echo a; echo b) <(echo a; echo c)", 1, "< b\n> c\n"),
        ("comm -23 <(printf 'a\\nb\\n') <(printf 'b\\n')", 0, "a\n"),
        ("echo \"a 'b'  c\" | xargs -I{} echo '<{}>'", 0, "<a 'b'  c>\n"),
        ("grep -A1 providers /etc/k/b.key | tail -n1 | grep -o '[A-Za-z]*'", 0, "aescbc\n"),
        (
            "journalctl -m -u k3s | grep -m1 'Running kube-apiserver' | grep -o -- '--a=b'",
            0,
            "--a=b\n",
        ),
        ("false || echo a && ! true; echo $?", 0, "a\n1\n"),
        ("case abc in x|a*) echo 1;; *) echo 2;; esac", 0, "1\n"),
        ("echo '{\"a\":[1,2]}' | jq -c '.a | map(. + 1)'", 0, "[2,3]\n"),
        ("sed -n '2p' /etc/k/b.key | awk '{ print $2 }'", 0, "aescbc:\n"),
        ("echo a b | awk -F ' ' '{printf \"%-3s|%s\\n\", $2, NF}'", 0, "b  |2\n"),
        ("exit 3; echo never", 3, ""),
        ("echo `echo \\`echo deep\\``", 0, "deep\n"),
    ] {
        assert_eq!(sh(text), (status, output.to_owned()), "{text}");
    }
}

#[test]
fn what_is_not_known_is_unknown_and_only_where_it_is_reached() {
    for text in [
        "gcloud info",
        "kubectl get pods",
        "cat /etc/passwd > /etc/k/out",
        "rm -rf /",
        "grep --perl x /etc/passwd",
        "f() { f; }; f",
        "while true; do :; done",
        "x=a; while true; do x=$x$x; done",
        "echo 'unclosed",
        "find / -delete",
        "sed -i s/a/b/ /etc/passwd",
        "awk 'BEGIN{system(\"id\")}'",
        "echo $(echo $(gcloud))",
    ] {
        assert_eq!(sh(text).0, -1, "{text}: {}", sh(text).1);
    }
    assert_eq!(sh("true || gcloud info"), (0, String::new()));
    assert_eq!(sh("if false; then gcloud info; fi"), (0, String::new()));
}

#[test]
fn a_dump_answers_for_the_cluster() {
    let objects = "
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: etcd}}, spec: {hostPID: true, serviceAccount: s}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: default}, spec: {containers: [{name: c}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, rules: [{apiGroups: [''], resources: [pods], verbs: [create]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: r}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}, subjects: [{kind: User, name: eve}]}
";
    let snapshot = load::texts([("o.yaml", objects.as_bytes())]);
    let cluster = Cluster::new(&snapshot);
    for (text, status, output) in [
        ("kubectl get pods -A -o json | jq '.items | length'", 0, "2\n"),
        ("kubectl get po -o name", 0, "pod/b\n"),
        ("kubectl get pod a -n x -o jsonpath='{.spec.hostPID}'", 0, "true"),
        ("kubectl get pod zz", 1, "Error from server (NotFound): pods \"zz\" not found\n"),
        (
            "kubectl get pods --all-namespaces -o custom-columns=N:.metadata.namespace,S:.spec.serviceAccount --no-headers",
            0,
            "x         s\ndefault   <none>\n",
        ),
        ("oc get pods -n x -l app=etcd -o=jsonpath='{.items[0].metadata.name}'", 0, "a"),
        ("kubectl get networkpolicy -n x --no-headers 2>/dev/null | wc -l", 0, "0\n"),
        (
            "kubectl auth can-i create pods -A --as=eve; kubectl auth can-i delete pods -A --as=eve",
            1,
            "yes\nno\n",
        ),
    ] {
        let ended = run(text, &node(), Some(&cluster));
        assert_eq!(ended, Ended::Exit { status, output: output.into() }, "{text}");
    }
    for text in
        ["kubectl get ns", "kubectl get widgets", "kubectl delete pod a", "kubectl get pods"]
    {
        assert!(matches!(run(text, &node(), Some(&cluster)), Ended::Unknown(_)), "{text}");
    }
}

/// Words and signs that mean something to the interpreter, in any order.
fn commands() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "if",
        "then",
        "fi",
        "for",
        "do",
        "done",
        "while",
        "case",
        "esac",
        "in",
        "true",
        "false",
        "cat",
        "grep",
        "sed",
        "awk",
        "jq",
        "find",
        "xargs",
        "stat",
        "test",
        "[",
        "]",
        "[[",
        "]]",
        "echo",
        "read",
        "sh -c",
        "ps -ef",
        "kubectl get",
        "-o",
        "-c",
        "-n",
        "-",
        "--",
        "/etc/k/*",
        "/etc",
        "x",
        "x=",
        "$x",
        "${x",
        "${x:-",
        "}",
        "$(",
        "$((",
        "))",
        ")",
        "(",
        "`",
        "'",
        "\"",
        "\\",
        "|",
        "||",
        "&&",
        ";",
        ";;",
        "\n",
        " ",
        " ",
        " ",
        "<(",
        "> ",
        "2>&1",
        "1",
        "%s",
        "{print $1}",
        "s/a*/b/g",
        ".[]?",
        "..",
        "|.a",
        "*",
        "?",
        "[a",
        "{",
        "!",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_command_ends_within_bounds(text in commands()) {
        let ended = run(&text, &node(), None);
        prop_assert_eq!(&ended, &run(&text, &node(), None));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9:\\[\\]{}\"'|>&*!%@`$()#~, \\-\n]{0,200}") {
        let _ = Config::parse(&text);
        let _ = Controls::parse(&text);
        let _ = run(&text, &node(), None);
    }

    #[test]
    fn quoted_words_come_back_as_they_are(text in "[^'\0]{0,60}") {
        let printed = run(&format!("printf '%s' '{text}'"), &node(), None);
        prop_assert_eq!(printed, Ended::Exit { status: 0, output: text });
    }
}

#[test]
fn every_file_of_a_checkout_is_read() {
    let Some(checkout) = std::env::var_os("COFFERDAM_KUBE_BENCH") else {
        println!("skipped: COFFERDAM_KUBE_BENCH names no checkout of kube-bench");
        return;
    };
    let cfg = std::path::Path::new(&checkout).join("cfg");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let (mut files, mut checks) = (0, 0);
    for directory in std::fs::read_dir(&cfg).unwrap() {
        let directory = directory.unwrap().path();
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        let mut config = Config::parse(&read(&cfg.join("config.yaml"))).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.file_name().unwrap() == "config.yaml" {
                config.merge(&Config::parse(&read(&path)).unwrap());
                continue;
            }
            let controls = Controls::parse(&read(&path));
            let controls = controls.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            files += 1;
            checks += controls.checks().count();
        }
    }
    println!("{files} files with {checks} checks");
    assert!(files > 0 && checks > files);
}
