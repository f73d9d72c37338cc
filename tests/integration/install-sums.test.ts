/** SHA256SUMS as mirrors write it anew, and as nobody should: the one thing that install.sh believes. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { runInstaller, SURROUNDINGS } from "../support/installer.ts";
import { archiveOf, instead, programThatSays, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const OLD = programThatSays("0.0.1");
const NEW = programThatSays("9.9.9");
const SUM = createHash("sha256").update(archiveOf(NEW)).digest("hex");
const WRONG = "0".repeat(64);
const NAME = `oz-agent-worker-linux-${process.arch}.tar.gz`;
const TARGET = `linux-${process.arch}`;

describe.concurrent.each(SURROUNDINGS.map((one) => [one.name, one] as const))(
  "under %s",
  (_, surroundings) => {
    async function upgrade(sums: string) {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start({ program: NEW });
      server.lieAbout("SHA256SUMS", instead(200, {}, sums));
      await dir.write("bin/oz-agent-worker", OLD, 0o755);
      const env = {
        OZ_WORKER_BASE_URL: server.url,
        OZ_WORKER_INSTALL_DIR: dir.join("bin"),
        OZ_WORKER_TARGET: TARGET,
      };
      const run = await runInstaller({ dir, in: surroundings, env });
      return { ...run, program: await readFile(dir.join("bin/oz-agent-worker"), "utf8") };
    }

    test.each([
      ["with the ends of line of Windows", `${SUM}  ${NAME}\r\n`],
      ["with the mark of binary files", `${SUM} *${NAME}\n`],
      ["with the folder before the name", `${SUM}  ./${NAME}\n`],
      ["in capital letters", `${SUM.toUpperCase()}  ${NAME}\n`],
      ["without an end to the last line", `${SUM}  ${NAME}`],
      ["that name it twice", `${SUM}  ${NAME}\n${SUM} *${NAME}\n`],
      [
        "with other names that end or begin with this one",
        `${WRONG}  x${NAME}\n${WRONG}  ${NAME}.sig\n${SUM}  ${NAME}\n`,
      ],
    ])("sums %s are understood", async (_name, sums) => {
      const { stderr, status, program } = await upgrade(sums);
      expect([status, stderr]).toEqual([0, expect.stringContaining("installed ")]);
      expect(program).toBe(NEW);
    });

    test.each([
      ["that contradict each other", `${SUM}  ${NAME}\n${WRONG}  ${NAME}\n`, "has more than one sum"],
      ["of another length", `${SUM}00  ${NAME}\n`, "does not name"],
      ["with what is no digit", `${"g".repeat(64)}  ${NAME}\n`, "does not name"],
      ["of nothing", "", "does not name"],
      ["that are wrong", `${WRONG}  ${NAME}\n`, "wrong SHA-256"],
    ])("sums %s are refused", async (_name, sums, says) => {
      const { stderr, status, program } = await upgrade(sums);
      expect(stderr).toContain(says);
      expect(status).toBe(1);
      expect(program).toBe(OLD);
    });
  },
);
