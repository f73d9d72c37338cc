/** The socket at which systemd hears of its services, and what came there. */
import { eventually } from "./wait.ts";

/** `node:` knows no such sockets; perl is on every Debian, and its Socket module too. */
const LISTEN = `
use Socket;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($socket, pack_sockaddr_un($ARGV[0] =~ s/^@/\\0/r)) or die "bind: $!";
$| = 1;
print "listening\\0";
while (defined recv($socket, my $message, 65536, 0)) { print "$message\\0" }
`;

export const canNotify = process.platform === "linux" && Bun.which("perl") !== null;

export class NotifySocket implements AsyncDisposable {
  /** Each message that came, in order. */
  readonly messages: string[] = [];
  private readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  private readonly read: Promise<void>;

  private constructor(name: string) {
    this.child = Bun.spawn(["perl", "-e", LISTEN, name], { stdio: ["ignore", "pipe", "inherit"] });
    this.read = this.readAll();
  }

  /** @param name as `NOTIFY_SOCKET` has it */
  static async listen(name: string): Promise<NotifySocket> {
    const socket = new NotifySocket(name);
    await socket.waitFor(/^listening$/);
    return socket;
  }

  async waitFor(pattern: RegExp): Promise<string> {
    return await eventually(
      () => this.messages.find((message) => pattern.test(message)) ?? null,
      `a message like ${pattern}, after ${JSON.stringify(this.messages)}`,
    );
  }

  private async readAll(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of this.child.stdout) {
      text += decoder.decode(bytes, { stream: true });
      const whole = text.split("\0");
      text = whole.pop() ?? "";
      this.messages.push(...whole);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
    await this.read;
  }
}
