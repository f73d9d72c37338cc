/** A real sshd on the loopback address with keys of its own, for one user: whoever runs the test. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { LIVE_PATH } from "./live.ts";
import type { TempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";

export const SSH_NEEDS = {
  packages: ["openssh-server", "openssh-client", "jq"],
  programs: ["sshd", "ssh", "ssh-keygen", "jq", "setsid"],
} as const;

export class Sshd implements AsyncDisposable {
  /** The command and options that reach it without a question. */
  readonly command: string;
  readonly host: string;
  readonly #child: Bun.Subprocess;

  private constructor(child: Bun.Subprocess, command: string, host: string) {
    this.#child = child;
    this.command = command;
    this.host = host;
  }

  /** `env`: what commands on the far side find in their environment. */
  static async start(dir: TempDir, env: Readonly<Record<string, string>>): Promise<Sshd> {
    const folder = await dir.mkdir("ssh");
    for (const name of ["host", "user"]) keygen(`${folder}/${name}`);
    const port = await freePort();
    const config = [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      "PidFile none",
      "StrictModes no",
      "UsePAM no",
      `SetEnv ${Object.entries(env)
        .map(([name, value]) => `"${name}=${value}"`)
        .join(" ")}`,
    ];
    const [sshdConfig, sshConfig] = [`${folder}/sshd_config`, `${folder}/ssh_config`];
    await Bun.write(sshdConfig, `${config.join("\n")}\n`);
    await Bun.write(sshConfig, clientConfig(folder, port));
    // It wants this folder even where it has nothing to put there.
    Bun.spawnSync(["mkdir", "-p", "/run/sshd"]);
    const program = Bun.which("sshd", { PATH: LIVE_PATH }) ?? "sshd";
    const child = Bun.spawn([program, "-D", "-f", sshdConfig, "-E", `${folder}/sshd.log`], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const sshd = new Sshd(child, `ssh -F ${sshConfig}`, "127.0.0.1");
    await eventually(() => answers(port), "sshd to listen");
    return sshd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}

function clientConfig(folder: string, port: number): string {
  const options = [
    `Port ${port}`,
    `IdentityFile ${folder}/user`,
    "IdentitiesOnly yes",
    "BatchMode yes",
    "StrictHostKeyChecking no",
    `UserKnownHostsFile ${folder}/known_hosts`,
    "LogLevel ERROR",
  ];
  return `Host *\n${options.map((option) => `  ${option}\n`).join("")}`;
}

function keygen(path: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]);
  if (exitCode !== 0) throw new Error(`ssh-keygen: ${stderr}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return address !== null && typeof address === "object" ? address.port : 0;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}
