import { describe, expect, test } from "bun:test";
import { type TarEntry, tarOf } from "../../../../../scripts/services/tar.ts";
import type { ByteStream } from "../../../../../src/backends/docker/engine/calls.ts";
import { imageFilesOf } from "../../../../../src/backends/docker/sidecars/image-files.ts";
import { paddedBytes, readTarUnit } from "../../../../../src/backends/docker/sidecars/tar-unit.ts";

const file = (path: string, content: string | Uint8Array = ""): TarEntry => ({ path, kind: "file", content });
const folder = (path: string): TarEntry => ({ path, kind: "folder" });
const symlink = (path: string, target: string): TarEntry => ({ path, kind: "symlink", target });
const hardLink = (path: string, target: string): TarEntry => {
  return { path, kind: "hardlink", target, mode: 0o644, owner: 0 };
};
const END = new Uint8Array(1024);

/** As dockerd's export of a container of an image without any of them has them, in its order. */
const OF_ENGINE = [
  file(".dockerenv"),
  folder("dev"),
  file("dev/console"),
  folder("dev/pts"),
  folder("dev/shm"),
  folder("etc"),
  file("etc/hostname"),
  file("etc/hosts"),
  symlink("etc/mtab", "/proc/mounts"),
  file("etc/resolv.conf"),
  folder("proc"),
  folder("sys"),
];

/** Without the end. */
function part(...entries: readonly TarEntry[]): Uint8Array {
  return tarOf(entries).subarray(0, -END.length);
}

/** An entry of another type: tarOf writes none of them. */
function typed(type: string, name: string, data: string | Uint8Array): Uint8Array {
  const block = part(file(name, data));
  block[156] = type.charCodeAt(0);
  return summed(block);
}

function summed(block: Uint8Array): Uint8Array {
  block.set(new TextEncoder().encode(" ".repeat(8)), 148);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return block;
}

function pax(records: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = new TextEncoder().encode(` ${key}=${value}\n`).length;
    const digits = [1, 2, 3, 4, 5].find((count) => String(rest + count).length === count) ?? 0;
    return `${rest + digits} ${key}=${value}\n`;
  });
  return typed("x", "PaxHeaders.0/x", lines.join(""));
}

const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

async function* inPieces(bytes: Uint8Array, size: number): ByteStream {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** What is left is the same wherever the archive is cut. */
async function sifted(archive: Uint8Array): Promise<Uint8Array> {
  const results: Uint8Array[] = [];
  for (const size of [archive.length + 1, 512, 7, 511, 513, 1300, 10_240]) {
    const pieces: Uint8Array[] = [];
    for await (const piece of imageFilesOf(inPieces(archive, size))) pieces.push(piece.slice());
    results.push(joined(...pieces));
  }
  const [first = new Uint8Array(0), ...others] = results;
  for (const other of others) expect(Buffer.compare(first, other)).toBe(0);
  return first;
}

/** Path, type, and where a link leads, as whoever unpacks it reads them. */
function unitsOf(archive: Uint8Array): string[][] {
  const units: string[][] = [];
  for (let at = 0; ; ) {
    const unit = readTarUnit(archive, at);
    if (unit === "end") return units;
    if (typeof unit === "string") throw new Error(`Entry ${units.length} of the archive: ${unit}`);
    units.push([unit.path, unit.type, unit.link]);
    at += unit.headBytes + paddedBytes(unit.sizeBytes);
  }
}

async function expectSifted(archive: readonly Uint8Array[], left: readonly Uint8Array[]): Promise<void> {
  const result = await sifted(joined(...archive));
  expect(Buffer.compare(result, joined(...left))).toBe(0);
}

describe("an image's files in the export of a container", () => {
  test("are all of it but the places for the engine's own mounts", async () => {
    const own = [file("bin/tool", "x".repeat(1500)), symlink("bin/other", "tool"), folder("var")];
    const [env, ...others] = OF_ENGINE;
    if (env === undefined) throw new Error("There is none");
    await expectSifted([tarOf([env, ...own.slice(0, 2), ...others, ...own.slice(2)])], [tarOf(own)]);
  });

  test.each([
    ["a file that says something", [folder("etc"), file("etc/hosts", "127.0.0.1 me\n")]],
    [
      "what else is in the folders",
      [folder("dev"), folder("dev/shm"), file("dev/shm/x"), folder("etc"), file("etc/a")],
    ],
    ["an mtab that leads elsewhere", [folder("etc"), symlink("etc/mtab", "../proc/self/mounts")]],
    ["files of such names elsewhere", [folder("a"), folder("a/dev"), file("a/.dockerenv"), folder("a/proc")]],
    ["folders in place of files", [folder(".dockerenv"), folder("etc"), folder("etc/hosts")]],
    ["files in place of folders", [file("proc"), symlink("sys", "elsewhere"), file("a")]],
    ["an archive that is written in another way", [folder("."), folder("./etc"), file("./etc/a")]],
    ["nothing", []],
  ])("keep %s", async (_what, entries) => {
    await expectSifted([tarOf(entries)], [tarOf(entries)]);
  });

  test("are left out where their names begin with a dot and a slash", async () => {
    const entries = OF_ENGINE.map((entry) => ({ ...entry, path: `./${entry.path}` }));
    await expectSifted([tarOf([folder("."), ...entries, file("./a")])], [tarOf([folder("."), file("./a")])]);
  });

  test("keep a folder's header where something of it comes only after others", async () => {
    const late = [folder("proc"), file("proc/late", "x")];
    await expectSifted(
      [tarOf([folder("proc"), file("a"), file("proc/late", "x")])],
      [tarOf([file("a"), ...late])],
    );
  });

  test("keep an empty file that another name leads to, and where it is", async () => {
    const named = hardLink("z/empty", "etc/hosts");
    const files = [folder("etc"), file("etc/hosts"), file("etc/hostname"), folder("z"), named];
    await expectSifted([tarOf(files)], [tarOf([folder("z"), folder("etc"), file("etc/hosts"), named])]);
  });

  // Docker up to 29 refuses to unpack them into a folder: "invalid symlink".
  test.each([
    ["up", "../..", "/"],
    ["one", "..", "/"],
    ["out", "/../../etc/passwd", "/etc/passwd"],
    ["a/b/certs", "../../../etc/ssl", "/etc/ssl"],
    ["a/out", "/../../etc", "/etc"],
    ["place", `../${"x".repeat(90)}/${"y".repeat(5)}`, `/${"x".repeat(90)}/${"y".repeat(5)}`],
    ["ü", "../ñ", "/ñ"],
  ])(
    "have the link %s, which climbs above the root to %s, arrive where it does in the image",
    async (path, target, place) => {
      const entries = [file("before", "1"), symlink(path, target), file("behind", "2")];
      expect(unitsOf(await sifted(tarOf(entries)))).toEqual([
        ["before", "0", ""],
        [path, "2", place],
        ["behind", "0", ""],
      ]);
    },
  );

  test.each([
    ["a/b", "../c"],
    ["a/b", "/etc/passwd"],
    ["a/b", "..c/../d"],
    ["...", "..."],
    ["a", "."],
  ])("have the link %s to %s as it is", async (path, target) => {
    const archive = [tarOf([symlink(path, target), file("behind", "2")])];
    await expectSifted(archive, archive);
  });

  // An engine fills an empty volume with what the task's image has at that place, for all who come later.
  test("are not nothing at all", async () => {
    await expectSifted([tarOf(OF_ENGINE)], [tarOf([file(".dockerenv")])]);
    // As the copy of a root has it, which begins with the root itself.
    const copied = [folder("."), ...OF_ENGINE];
    await expectSifted([tarOf(copied)], [tarOf([folder("."), file(".dockerenv")])]);
  });

  // An answer that was empty, or half of one and whole as HTTP goes, became a volume that all tasks were given.
  const whole = tarOf([...OF_ENGINE, file("tool", "x".repeat(2000))]);
  test.each([
    ["that breaks off", whole.subarray(0, OF_ENGINE.length * 512 + 700), /before their end/],
    ["that ends behind a file", whole.subarray(0, -1024), /before their end/],
    ["that is empty", new Uint8Array(0), /before their end/],
    ["that is something else", new TextEncoder().encode("{}".repeat(600)), /something else/],
  ])("are none of an archive %s", async (_what, archive, words) => {
    await expect(sifted(archive)).rejects.toThrow(words);
  });

  test("end with the error of their source", async () => {
    const broken = (async function* (): ByteStream {
      yield tarOf([file("a")]).subarray(0, 600);
      throw new Error("gone");
    })();
    const read = async () => {
      for await (const _ of imageFilesOf(broken));
    };
    await expect(read()).rejects.toThrow("gone");
  });
});

describe("blocks that belong to the entry after them", () => {
  const long = `${"long/".repeat(40)}name`;
  const own = part(file("tool", "a tool"));

  test.each([
    ["PAX", () => pax({ path: long, mtime: "1.5" })],
    ["GNU", () => typed("L", "././@LongLink", `${long}\0`)],
    ["PAX with large attributes", () => pax({ "SCHILY.xattr.user.big": "v".repeat(60_000), path: long })],
    [
      "both of GNU's",
      () => joined(typed("K", "././@LongLink", `${long}\0`), typed("L", "././@LongLink", `${long}\0`)),
    ],
  ])("stay with it, and its name is theirs: %s", async (_what, extra) => {
    // What the header says by itself is only what is left of the name.
    const named = joined(extra(), part(file("etc/hosts")));
    await expectSifted([part(...OF_ENGINE), named, own, END], [named, own, END]);
  });

  test("go with it when it is left out", async () => {
    const dated = (entry: TarEntry) => joined(pax({ mtime: "1700000000.123456789" }), part(entry));
    await expectSifted([...OF_ENGINE.map(dated), dated(file("tool")), END], [dated(file("tool")), END]);
  });

  test("bring back a folder when they name what is in it", async () => {
    const inDev = joined(pax({ path: "dev/€" }), part(file("dev/")));
    const dev = joined(pax({ mtime: "1.5" }), part(folder("dev")));
    await expectSifted([dev, own, inDev, END], [own, dev, inDev, END]);
  });

  test("tell the size of what is larger than a header can say", async () => {
    // Were it taken to be empty, its own bytes would be read as headers.
    const inner = joined(part(file(".dockerenv")), part(file("etc/hosts")));
    const big = part(file("big", inner));
    big.set(new TextEncoder().encode("00000000000\0"), 124);
    const named = joined(pax({ size: String(inner.length) }), summed(big));
    await expectSifted([part(...OF_ENGINE), named, own, END], [named, own, END]);
  });

  test("are not needed for a size to the base of 256", async () => {
    const inner = joined(part(file(".dockerenv")), part(file("etc/hosts")));
    const big = part(file("big", inner));
    big.set([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, inner.length >> 8, inner.length & 0xff], 124);
    await expectSifted([part(...OF_ENGINE), summed(big), own, END], [big, own, END]);
  });
});

describe("what cannot be understood", () => {
  const own = part(file("tool", "a tool"));
  const unsummed = part(file("odd"));
  unsummed[0] = 0x41;

  test.each([
    ["a sparse file", typed("S", "sparse", "data")],
    ["a sparse file by PAX", joined(pax({ "GNU.sparse.major": "1" }), part(file("x", "data")))],
    ["records for all that follow", typed("g", "pax_global_header", "13 path=abc\n")],
    ["a record without a length", joined(typed("x", "x", "path=abc\n"), own)],
    ["a header with a wrong sum", unsummed],
    ["what is no archive", new TextEncoder().encode("files of a fake engine".repeat(100))],
  ])("goes through with all before it and behind it: %s", async (_what, strange) => {
    const before = part(...OF_ENGINE);
    await expectSifted([own, before, strange, before, END], [own, before, strange, before, END]);
  });
});
