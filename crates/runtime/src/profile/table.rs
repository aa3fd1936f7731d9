//! The strict profile, call by call. Every call that the tables of `cofferdam_sys::seccomp` know
//! stands in exactly one group; a test sees to it when they are refreshed.

/// What the profile says of a group of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every use is allowed.
    Allowed,
    /// Some uses are allowed, by argument: see `conditional` in this module's parent. Any other
    /// fails with EPERM or as the rule says.
    ByArgument,
    /// Fails with EPERM.
    NotPermitted,
    /// Fails with ENOSYS: the kernel lacks the call anyway, or programs fall back to another.
    NotImplemented,
}

/// Calls that are treated alike for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// What the calls have in common, in a few words.
    pub title: &'static str,
    /// What happens with them.
    pub verdict: Verdict,
    /// Why.
    pub reason: &'static str,
    /// The calls. A name that an architecture lacks is skipped there.
    pub names: &'static [&'static str],
}

/// The whole profile.
#[rustfmt::skip]
pub const GROUPS: &[Group] = &[
    Group {
        title: "reading and writing",
        verdict: Verdict::Allowed,
        reason: "acts on open files, whose opening was the decision",
        names: &[
            "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev",
            "pwritev2", "lseek", "sendfile", "splice", "tee", "copy_file_range", "readahead",
            "fadvise64", "fallocate", "ftruncate", "fsync", "fdatasync", "sync", "syncfs",
            "sync_file_range", "flock", "fcntl", "close", "close_range", "dup", "dup2", "dup3",
            "pipe", "pipe2", "getdents", "getdents64",
        ],
    },
    Group {
        title: "files by name",
        verdict: Verdict::Allowed,
        reason: "the root file system and its mount options bound what can be reached",
        names: &[
            "open", "openat", "openat2", "creat", "truncate", "access", "faccessat", "faccessat2",
            "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "getcwd", "chdir",
            "fchdir", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat",
            "readlink", "readlinkat", "unlink", "unlinkat", "rename", "renameat", "renameat2",
            "umask", "utime", "utimes", "futimesat", "utimensat", "file_getattr", "file_setattr",
        ],
    },
    Group {
        title: "owners, modes and attributes",
        verdict: Verdict::Allowed,
        reason: "the kernel checks each against owner and capabilities in the container's user namespace",
        names: &[
            "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
            "getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr", "llistxattr",
            "flistxattr", "listxattrat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
            "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
        ],
    },
    Group {
        title: "waiting for events",
        verdict: Verdict::Allowed,
        reason: "every server's main loop",
        names: &[
            "select", "pselect6", "poll", "ppoll", "epoll_create", "epoll_create1", "epoll_ctl",
            "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "signalfd",
            "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_gettime", "inotify_init",
            "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
        ],
    },
    Group {
        title: "asynchronous file input and output",
        verdict: Verdict::Allowed,
        reason: "databases and nginx use the older interface, which goes through the same checks as read and write",
        names: &[
            "io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents", "io_pgetevents",
        ],
    },
    Group {
        title: "memory of one's own",
        verdict: Verdict::Allowed,
        reason: "changes the caller's address space only",
        names: &[
            "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock",
            "mlock2", "mlockall", "munlock", "munlockall", "mseal", "memfd_create", "pkey_alloc",
            "pkey_free", "pkey_mprotect", "map_shadow_stack", "membarrier", "get_mempolicy",
        ],
    },
    Group {
        title: "processes and threads",
        verdict: Verdict::Allowed,
        reason: "the process namespace bounds who can be seen and signalled",
        names: &[
            "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "kill",
            "tkill", "tgkill", "pidfd_open", "pidfd_send_signal", "getpid", "gettid", "getppid",
            "getpgid", "setpgid", "getpgrp", "getsid", "setsid", "set_tid_address",
            "set_robust_list", "get_robust_list", "rseq", "rseq_slice_yield", "arch_prctl", "prctl",
            "restart_syscall", "getcpu",
        ],
    },
    Group {
        title: "signals",
        verdict: Verdict::Allowed,
        reason: "acts on the caller or on what kill may reach",
        names: &[
            "rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait",
            "rt_sigreturn", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "pause",
        ],
    },
    Group {
        title: "probe trampolines",
        verdict: Verdict::Allowed,
        reason: "the kernel places these itself when the host traces a program; elsewhere they end the caller",
        names: &["uprobe", "uretprobe"],
    },
    Group {
        title: "locks",
        verdict: Verdict::Allowed,
        reason: "every threaded program",
        names: &["futex", "futex_wait", "futex_waitv", "futex_wake", "futex_requeue"],
    },
    Group {
        title: "scheduling and limits",
        verdict: Verdict::Allowed,
        reason: "raising a priority or a limit takes a capability that the container lacks",
        names: &[
            "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
            "sched_setparam", "sched_getscheduler", "sched_setscheduler", "sched_getattr",
            "sched_setattr", "sched_get_priority_max", "sched_get_priority_min",
            "sched_rr_get_interval", "getpriority", "setpriority", "ioprio_get", "ioprio_set",
            "getrlimit", "setrlimit", "prlimit64", "getrusage",
        ],
    },
    Group {
        title: "time",
        verdict: Verdict::Allowed,
        reason: "reads clocks, sleeps, sets one's own timers",
        names: &[
            "time", "gettimeofday", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep",
            "times", "alarm", "getitimer", "setitimer", "timer_create", "timer_delete",
            "timer_getoverrun", "timer_gettime", "timer_settime",
        ],
    },
    Group {
        title: "identity",
        verdict: Verdict::Allowed,
        reason: "a change takes a capability and stays within the ids that are mapped",
        names: &[
            "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "setuid",
            "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
            "setgroups", "capget", "capset",
        ],
    },
    Group {
        title: "facts about the system",
        verdict: Verdict::Allowed,
        reason: "name, load and random numbers; shells and runtimes ask at start",
        names: &["uname", "sysinfo", "getrandom"],
    },
    Group {
        title: "confining oneself further",
        verdict: Verdict::Allowed,
        reason: "only ever takes rights away",
        names: &[
            "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
            "lsm_get_self_attr", "lsm_list_modules",
        ],
    },
    Group {
        title: "System V and POSIX communication",
        verdict: Verdict::Allowed,
        reason: "the IPC namespace holds only the container's own; PostgreSQL needs it",
        names: &[
            "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semctl",
            "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend",
            "mq_timedreceive", "mq_notify", "mq_getsetattr",
        ],
    },
    Group {
        title: "sockets that exist",
        verdict: Verdict::Allowed,
        reason: "which families there can be is decided when a socket is made",
        names: &[
            "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname",
            "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom",
            "recvmsg", "recvmmsg",
        ],
    },
    Group {
        title: "new sockets",
        verdict: Verdict::ByArgument,
        reason: "local, IPv4 and IPv6 with their everyday protocols, and questions about addresses; families such as packet, vsock, alg, xdp and can open seldom-tested kernel code or reach past the network namespace",
        names: &["socket", "socketpair"],
    },
    Group {
        title: "new processes and namespaces",
        verdict: Verdict::ByArgument,
        reason: "a process or thread, but no new namespace: a user namespace would hand out capabilities that make far more of the kernel reachable",
        names: &["clone", "unshare"],
    },
    Group {
        title: "process creation by structure",
        verdict: Verdict::NotImplemented,
        reason: "a filter cannot see flags that lie in memory; libraries fall back to clone",
        names: &["clone3"],
    },
    Group {
        title: "execution domain",
        verdict: Verdict::ByArgument,
        reason: "plain Linux only: address randomisation stays on",
        names: &["personality"],
    },
    Group {
        title: "device and terminal control",
        verdict: Verdict::ByArgument,
        reason: "everything but putting input into a terminal and loading line disciplines",
        names: &["ioctl"],
    },
    Group {
        title: "special files",
        verdict: Verdict::ByArgument,
        reason: "pipes, sockets and regular files, but no device",
        names: &["mknod", "mknodat"],
    },
    Group {
        title: "mounting",
        verdict: Verdict::NotPermitted,
        reason: "the file system view is the container's wall",
        names: &[
            "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount",
            "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
        ],
    },
    Group {
        title: "looking at mounts and namespaces",
        verdict: Verdict::NotImplemented,
        reason: "new and little used; programs read /proc where these are missing",
        names: &["statmount", "listmount", "listns"],
    },
    Group {
        title: "joining namespaces and naming the machine",
        verdict: Verdict::NotPermitted,
        reason: "isolation is set up before the program starts and stays",
        names: &["setns", "sethostname", "setdomainname"],
    },
    Group {
        title: "other processes' memory and files",
        verdict: Verdict::NotPermitted,
        reason: "debuggers need it, services do not; and it is how one program in a container takes over another",
        names: &[
            "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
            "process_mrelease", "kcmp", "pidfd_getfd",
        ],
    },
    Group {
        title: "files by handle",
        verdict: Verdict::NotPermitted,
        reason: "a handle names an inode of the file system, also outside the container's root",
        names: &["name_to_handle_at", "open_by_handle_at"],
    },
    Group {
        title: "watching whole file systems",
        verdict: Verdict::NotPermitted,
        reason: "hands out descriptors of other processes' files; inotify is there",
        names: &["fanotify_init", "fanotify_mark"],
    },
    Group {
        title: "programs for the kernel and its modules",
        verdict: Verdict::NotPermitted,
        reason: "runs code in the kernel",
        names: &[
            "bpf", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
        ],
    },
    Group {
        title: "performance counters",
        verdict: Verdict::NotPermitted,
        reason: "measures other tenants of the machine; long a source of kernel faults",
        names: &["perf_event_open"],
    },
    Group {
        title: "queued system calls",
        verdict: Verdict::NotImplemented,
        reason: "io_uring does its work where no filter sees it, and has been the most frequent way to a broken kernel; programs fall back",
        names: &["io_uring_setup", "io_uring_enter", "io_uring_register"],
    },
    Group {
        title: "page faults handled by programs",
        verdict: Verdict::NotPermitted,
        reason: "lets a program stop the kernel in mid-copy, which makes races in it winnable",
        names: &["userfaultfd"],
    },
    Group {
        title: "kernel keyrings",
        verdict: Verdict::NotPermitted,
        reason: "keys are not separated by namespace alone",
        names: &["add_key", "request_key", "keyctl"],
    },
    Group {
        title: "placement of memory",
        verdict: Verdict::NotPermitted,
        reason: "moves pages between nodes, also other processes'; placement is the host's to decide",
        names: &[
            "mbind", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages",
        ],
    },
    Group {
        title: "gifts of pages",
        verdict: Verdict::NotPermitted,
        reason: "puts pages that stay writable into a pipe: little used, and part of several exploits",
        names: &["vmsplice"],
    },
    Group {
        title: "the machine's clock",
        verdict: Verdict::NotPermitted,
        reason: "there is one for all containers",
        names: &["clock_settime", "settimeofday", "adjtimex", "clock_adjtime"],
    },
    Group {
        title: "running the machine",
        verdict: Verdict::NotPermitted,
        reason: "an administrator's work: swap, quota, accounting, kernel log, restart, ports",
        names: &[
            "swapon", "swapoff", "quotactl", "quotactl_fd", "acct", "syslog", "reboot", "vhangup",
            "iopl", "ioperm", "lsm_set_self_attr",
        ],
    },
    Group {
        title: "rarely used corners",
        verdict: Verdict::NotImplemented,
        reason: "ordinary programs do without: 16-bit segments, non-linear mappings, secret memory, page cache statistics",
        names: &["modify_ldt", "remap_file_pages", "memfd_secret", "cachestat"],
    },
    Group {
        title: "calls that are gone",
        verdict: Verdict::NotImplemented,
        reason: "removed from Linux, never made, or replaced long ago",
        names: &[
            "_sysctl", "afs_syscall", "create_module", "epoll_ctl_old", "epoll_wait_old",
            "get_kernel_syms", "get_thread_area", "getpmsg", "lookup_dcookie", "nfsservctl",
            "putpmsg", "query_module", "security", "set_thread_area", "sysfs", "tuxcall", "uselib",
            "ustat", "vserver",
        ],
    },
];
