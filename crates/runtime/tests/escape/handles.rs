//! Files of this machine by their handles (open_by_handle_at(2)), which need no path to them.

use serde_json::json;

use crate::{
    bundle::{Bundle, Ran},
    machine::Place,
};

/// The root directory of the file system that the container's root is on: inode 2 of ext2, 3 and
/// 4, or 1, 64, 128, 256 of others, in the form that most of them use.
const ATTACK: &str = r#"
    my $path = "/\0"; my $mount = syscall(257, -100, $path, 0);
    for my $inode (1, 2, 64, 128, 256) {
        my $handle = pack("I i L L", 8, 1, $inode, 0); $! = 0;
        my $r = syscall(304, $mount, $handle, 0);
        print $r == -1 ? "refused ".($!+0)."\n" : "DONE\n";
    }
    # The container's own root has a handle that is right.
    my $own = pack("I i", 128, 0).("\0" x 128); my $id = "\0" x 8;
    if (syscall(303, -100, $path, $own, $id, 0) != -1) {
        $! = 0; my $r = syscall(304, $mount, $own, 0);
        print $r == -1 ? "refused ".($!+0)."\n" : "DONE\n";
    }"#;

fn run(place: &Place, bundle: &mut Bundle) -> Ran {
    let root = place.root();
    bundle.change(json!({
        "root": {"path": root},
        "process": {"args": ["perl", "-e", ATTACK], "env": ["PATH=/bin:/usr/bin"]}
    }));
    bundle.run("")
}

#[test]
fn files_are_not_opened_by_handles() {
    let (Some(place), Some(mut bundle)) = (Place::new(), Bundle::new()) else { return };
    if !place.add_perl() {
        return;
    }
    // What engines give, without their filter.
    let ran = run(&place, &mut bundle);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.lines().count() >= 5 && ran.out.lines().all(|l| l == "refused 1"), "{ran:?}");
    // Every capability, of a user namespace: over this machine's file systems it is none.
    let all: Vec<_> = cofferdam_sys::capability::NAMES.to_vec();
    let mut bundle = Bundle::new().unwrap().own_ids();
    let sets = json!({"bounding": all, "permitted": all, "effective": all});
    bundle.change(json!({"process": {"capabilities": sets}}));
    let ran = run(&place, &mut bundle);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.lines().count() >= 5 && ran.out.lines().all(|l| l == "refused 1"), "{ran:?}");
}
