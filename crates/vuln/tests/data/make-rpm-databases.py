"""Makes small rpm databases of invented packages with the programs that own the formats: SQLite (with
a write-ahead log that holds committed and uncommitted rows) and db5.3_load of Berkeley DB."""
import os, sqlite3, struct, subprocess, sys

def header(name, version, release, epoch=None, filler=0):
    entries, data = [], b""
    def text(tag, value, kind=6):
        nonlocal data
        entries.append((tag, kind, len(data), 1)); data += value.encode() + b"\0"
    text(1000, name); text(1001, version); text(1002, release)
    if epoch is not None:
        data += b"\0" * (-len(data) % 4)
        entries.append((1003, 4, len(data), 1)); data += struct.pack(">I", epoch)
    text(1014, "MIT"); text(1022, "noarch"); text(1044, f"{name}-{version}-{release}.src.rpm")
    text(5096, "stream:1:2:3"); text(1004, "x" * filler, 9)
    return (struct.pack(">II", len(entries), len(data))
            + b"".join(struct.pack(">IIII", *entry) for entry in entries) + data)

def package(i):
    return header(f"package-{i}", f"1.{i}", "1.el9", i % 3 or None, (i * 37) % 3000)

def sqlite(directory):
    path = f"{directory}/rpmdb.sqlite"
    db = sqlite3.connect(path)
    db.execute("pragma page_size=512"); db.execute("pragma journal_mode=wal")
    db.execute("create table Packages (hnum integer primary key autoincrement, blob blob not null)")
    db.execute("create table Name (key 'TEXT' not null, hnum integer not null, idx integer not null)")
    def insert(i):
        db.execute("insert into Packages values (?, ?)", (i, package(i)))
        db.execute("insert into Name values (?, ?, 0)", (f"package-{i}", i))
    for i in range(1, 301):
        insert(i)
    db.commit(); db.execute("pragma wal_checkpoint(truncate)")
    db.execute("pragma wal_autocheckpoint=0")
    for table in ("Packages", "Name"):
        db.execute(f"delete from {table} where hnum <= 100")
    db.commit(); insert(400); db.commit()
    # A copy while the connection is open, so that closing does not merge the log.
    for suffix in ("", "-wal"):
        open(path + suffix + ".copy", "wb").write(open(path + suffix, "rb").read())
    db.close()
    for suffix in ("", "-wal"):
        os.replace(path + suffix + ".copy", path + suffix)

def berkeley(directory, order):
    lines = ["VERSION=3", "format=bytevalue", "type=hash", "db_pagesize=4096", f"db_lorder={order}",
             "HEADER=END"]
    pack = ">I" if order == 4321 else "<I"
    for i in range(0, 101):
        lines.append(" " + struct.pack(pack, i).hex())
        lines.append(" " + (struct.pack(pack, 100) if i == 0 else package(i)).hex())
    lines.append("DATA=END")
    subprocess.run(["db5.3_load", f"{directory}/Packages"], input="\n".join(lines).encode() + b"\n",
                   check=True)

for name in ("sqlite", "berkeley-little", "berkeley-big"):
    os.makedirs(f"{sys.argv[1]}/{name}", exist_ok=True)
sqlite(f"{sys.argv[1]}/sqlite")
berkeley(f"{sys.argv[1]}/berkeley-little", 1234)
berkeley(f"{sys.argv[1]}/berkeley-big", 4321)
