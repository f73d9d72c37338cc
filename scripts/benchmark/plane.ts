/** The least control plane that can be measured against: it costs the same for every subject. */

interface Message {
  readonly type: string;
  readonly data: { readonly task_id: string };
}

export class BenchPlane implements Disposable {
  private readonly server: ReturnType<typeof Bun.serve>;
  private socket: Bun.ServerWebSocket<unknown> | null = null;
  private connected = Promise.withResolvers<void>();
  private onMessage: (message: Message) => void = () => {};
  private readonly more: object;

  /** `more`: fields of every assignment beside the usual ones. */
  constructor(more: object = {}) {
    this.more = more;
    this.server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) =>
        server.upgrade(request, { data: undefined }) ? undefined : new Response(null, { status: 400 }),
      websocket: {
        perMessageDeflate: false,
        open: (socket) => {
          this.socket = socket;
          this.connected.resolve();
        },
        message: (_socket, text) => this.onMessage(JSON.parse(String(text))),
      },
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.server.port}/`;
  }

  whenConnected(): Promise<void> {
    return this.connected.promise;
  }

  forgetConnection(): void {
    this.connected = Promise.withResolvers<void>();
    this.onMessage = () => {};
  }

  /** Sends them all at once. Resolves when `until` of each has arrived. */
  run(ids: readonly string[], env: Record<string, string>, until: "claimed" | "ended"): Promise<void> {
    return new Promise((resolve) => {
      let left = ids.length;
      this.onMessage = ({ type }) => {
        if ((type === "task_claimed") !== (until === "claimed")) return;
        left -= 1;
        if (left === 0) resolve();
      };
      for (const id of ids) this.send("task_assignment", { ...assignment(id, env), ...this.more });
    });
  }

  /** Resolves when all have ended. */
  cancel(ids: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      let left = ids.length;
      this.onMessage = ({ type }) => {
        if (type !== "task_claimed") left -= 1;
        if (left === 0) resolve();
      };
      for (const id of ids) this.send("task_cancellation", { task_id: id });
    });
  }

  [Symbol.dispose](): void {
    this.server.stop(true);
  }

  private send(type: string, data: object): void {
    this.socket?.send(JSON.stringify({ type, data }));
  }
}

function assignment(id: string, env: Record<string, string>): object {
  return {
    task_id: id,
    execution_id: `exec-${id}`,
    env_vars: env,
    task: { id, title: id, task_definition: { prompt: "bench" }, agent_config_snapshot: {} },
  };
}
