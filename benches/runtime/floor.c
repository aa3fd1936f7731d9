/*
 * The floor: what the kernel takes to start a container, with nothing around it.
 *
 *   floor ROOT PROGRAM [ARGUMENT...]
 *
 * One clone3(2) into six new namespaces, the mounts that every engine asks for, nodes in /dev,
 * pivot_root(2), a filter of 372 instructions, execve(2), and waiting for the end. No configuration
 * is read, no state is kept, no control group is made, nothing is checked: whatever a runtime does
 * in more time than this is its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INSTRUCTIONS = 372 };

static void check(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "could not %s: %s\n", what, strerror(errno));
		_exit(125);
	}
}

static void put(const char *type, const char *place, unsigned long flags, const char *options)
{
	mkdir(place, 0755);
	check(mount(type, place, type, flags, options), place);
}

static void build(const char *root)
{
	static const struct { const char *name; unsigned minor; } nodes[] = {
		{ "dev/null", 3 }, { "dev/zero", 5 }, { "dev/full", 7 }, { "dev/random", 8 }, { "dev/urandom", 9 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "dev/fd" }, { "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
		{ "/proc/self/fd/2", "dev/stderr" }, { "pts/ptmx", "dev/ptmx" },
	};
	const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	size_t i;

	check(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), "make the mounts private");
	check(mount(root, root, NULL, MS_BIND | MS_REC, NULL), "mount the root");
	check(chdir(root), "enter the root");
	put("proc", "proc", quiet, NULL);
	put("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	put("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	put("tmpfs", "dev/shm", quiet, "mode=1777,size=65536k");
	put("mqueue", "dev/mqueue", quiet, NULL);
	put("sysfs", "sys", quiet | MS_RDONLY, NULL);
	for (i = 0; i < sizeof nodes / sizeof *nodes; i++)
		check(mknod(nodes[i].name, S_IFCHR | 0666, makedev(1, nodes[i].minor)), nodes[i].name);
	for (i = 0; i < sizeof links / sizeof *links; i++)
		check(symlink(links[i][0], links[i][1]), links[i][1]);
	check(sethostname("floor", 5), "set the host name");
	check(syscall(SYS_pivot_root, ".", "."), "change the root");
	check(umount2(".", MNT_DETACH), "leave the old root");
	check(chdir("/"), "enter /");
}

static void confine(void)
{
	static struct sock_filter code[INSTRUCTIONS];
	struct sock_fprog program = { .len = INSTRUCTIONS, .filter = code };
	int i;

	/* Two comparisons first, so that calls do not walk the whole program: the cost is in loading. */
	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 100000, 1, 0);
	code[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (i = 3; i < INSTRUCTIONS - 1; i++)
		code[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 100000 + i, 0, 0);
	code[INSTRUCTIONS - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "load the filter");
}

int main(int count, char **arguments)
{
	char *const environment[] = { "PATH=/bin:/usr/bin", NULL };
	struct clone_args new = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	int status;
	long child;

	if (count < 3) {
		fprintf(stderr, "usage: floor ROOT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	child = syscall(SYS_clone3, &new, sizeof new);
	check(child, "make the process");
	if (child == 0) {
		build(arguments[1]);
		confine();
		execve(arguments[2], arguments + 2, environment);
		check(-1, "run the program");
	}
	check(waitpid((pid_t)child, &status, 0), "wait for the program");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
