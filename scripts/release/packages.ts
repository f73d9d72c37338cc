/** deb and rpm from the archives of a release, by nfpm. */
import { createHash } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderCompletions } from "../../src/cli/completions.ts";
import { SHELLS } from "../../src/cli/completions-request.ts";
import { type Manifest, PROGRAM } from "./manifest.ts";
import { ROOT, readCommitTime } from "./source.ts";

/** The glibc ones: musl's distributions have formats of their own. */
const MACHINES = [
  { target: "linux-x64", go: "amd64", rpm: "x86_64" },
  { target: "linux-arm64", go: "arm64", rpm: "aarch64" },
] as const;
const DOC = `/usr/share/doc/${PROGRAM}`;
/** Where each shell looks by itself; Debian's zsh not into the folder that others have for this. */
const COMPLETIONS = [
  { shell: "bash", to: `/usr/share/bash-completion/completions/${PROGRAM}` },
  { shell: "zsh", to: `/usr/share/zsh/vendor-completions/_${PROGRAM}`, packager: "deb" },
  { shell: "zsh", to: `/usr/share/zsh/site-functions/_${PROGRAM}`, packager: "rpm" },
  { shell: "fish", to: `/usr/share/fish/vendor_completions.d/${PROGRAM}.fish` },
] as const;

/** @param dir the folder of a release; the packages are put beside its archives, and into SHA256SUMS */
export async function packageRelease(dir: string, say: (line: string) => void): Promise<readonly string[]> {
  const manifest: Manifest = JSON.parse(await readFile(join(dir, "release.json"), "utf8"));
  const nfpm = run([join(ROOT, "scripts/release/go-tool"), "nfpm"], ROOT).trim();
  const names: string[] = [];
  for (const machine of MACHINES) {
    const archive = manifest.files.find(({ target }) => target === machine.target);
    if (archive === undefined) continue;
    const scratch = await mkdtemp(join(tmpdir(), "oz-package-"));
    try {
      run(["tar", "-xzf", join(dir, archive.name), "-C", scratch], ROOT);
      await mkdir(join(scratch, "completions"));
      for (const shell of SHELLS)
        await writeFile(join(scratch, "completions", shell), renderCompletions(shell));
      const config = join(scratch, "nfpm.json");
      await writeFile(config, JSON.stringify(nfpmConfig(manifest.version, machine.go, scratch)));
      const { version } = manifest;
      const packages = {
        deb: `${PROGRAM}_${version}_${machine.go}.deb`,
        rpm: `${PROGRAM}-${version}.${machine.rpm}.rpm`,
      };
      for (const [packager, name] of Object.entries(packages)) {
        run(
          [nfpm, "package", "--config", config, "--packager", packager, "--target", join(dir, name)],
          scratch,
        );
        names.push(name);
        say(name);
      }
    } finally {
      await rm(scratch, { recursive: true });
    }
  }
  for (const name of names) {
    const sum = createHash("sha256")
      .update(await readFile(join(dir, name)))
      .digest("hex");
    await appendFile(join(dir, "SHA256SUMS"), `${sum}  ${name}\n`);
  }
  return names;
}

/** JSON is YAML. Source of the names: nfpm's configuration reference. `unpacked`: the archive, and `completions/SHELL`. */
function nfpmConfig(version: string, arch: string, unpacked: string): object {
  const file = (from: string, to: string, mode: number) => ({
    src: join(unpacked, from),
    dst: to,
    file_info: { mode },
  });
  return {
    name: PROGRAM,
    arch,
    platform: "linux",
    version,
    section: "utils",
    priority: "optional",
    maintainer: "The oz-agent-worker authors <noreply@localhost>",
    description: "Daemon that runs cloud agents on your own machines",
    license: "Apache-2.0",
    mtime: new Date(readCommitTime() * 1000).toISOString(),
    contents: [
      file(PROGRAM, `/usr/bin/${PROGRAM}`, 0o755),
      file("LICENSE", `${DOC}/copyright`, 0o644),
      file("THIRD-PARTY-NOTICES", `${DOC}/THIRD-PARTY-NOTICES`, 0o644),
      ...COMPLETIONS.map(({ shell, to, ...only }) => ({
        ...file(`completions/${shell}`, to, 0o644),
        ...only,
      })),
      // The operator's: the program reads the configuration, and root alone the key.
      { dst: `/etc/${PROGRAM}`, type: "dir", file_info: { mode: 0o755 } },
    ],
    scripts: {
      preremove: join(ROOT, "packaging/before-remove"),
      postremove: join(ROOT, "packaging/after-remove"),
    },
    overrides: { deb: { depends: ["libc6"] }, rpm: { depends: ["glibc"] } },
  };
}

function run(argv: readonly string[], cwd: string): string {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(readCommitTime()) };
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, env });
  if (exitCode !== 0) throw new Error(`${argv[0]} failed: ${stderr}${stdout}`);
  return stdout.toString();
}
