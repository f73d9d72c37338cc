/** The commands that docs/install.md shows, run as they are written, on a host that is this test's own. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Run } from "./installer.ts";
import type { TempDir } from "./temp-dir.ts";

const PAGE = readFileSync(resolve(import.meta.dir, "../../docs/install.md"), "utf8");

/** The shell blocks below a heading, in order. @throws where there are not as many as asked for */
export function blocksOf(heading: string, count: number): readonly string[] {
  const [, section = ""] = PAGE.split(`\n## ${heading}\n`);
  const blocks = [...(section.split("\n## ")[0]?.matchAll(/```sh\n([\s\S]*?)```/g) ?? [])];
  if (blocks.length !== count) throw new Error(`"${heading}" shows ${blocks.length} blocks, not ${count}`);
  return blocks.map(([, text = ""]) => text);
}

export interface PageHost {
  readonly dir: TempDir;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * In a mount namespace, where whoever runs the tests is root, or takes himself for a plain user with
 * another HOME than /root. `sudo` hands no variables on, as the real one; systemctl notes what it is told.
 */
export async function runAsWritten(text: string, { dir, env = {} }: PageHost): Promise<Run> {
  for (const name of ["host/local-bin", "host/state", "host/media", "host/stubs"]) await dir.mkdir(name);
  const stub = (name: string, script: string) =>
    dir.write(`host/stubs/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  await stub("sudo", 'exec env -i PATH="$PATH" HOME=/root "$@"');
  await stub("id", '[ "$*$HOME" = -u/root ] || [ "$*" != -u ] || exec echo 1000; exec /usr/bin/id "$@"');
  await stub("systemctl", `echo "systemctl $*" >>'${dir.join("host/told")}'`);
  const child = Bun.spawn(
    ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ENTER, "sh", dir.path],
    {
      cwd: dir.path,
      env: {
        PATH: `${dir.join("host/stubs")}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
        HOME: "/root",
        LC_ALL: "C",
        ...env,
      },
      stdin: new Blob([`set -e\n${text}`]),
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [status, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  return { status, stdout, stderr };
}

const ENTER = `set -e
mount --bind "$1/host/local-bin" /usr/local/bin
mount --bind "$1/host/state" /var/lib
mount --bind "$1/host/media" /media
exec sh -s
`;
