/** Why there is no connection, on hosts and networks where it is not simply refused. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { tryLink } from "../../src/doctor/link-trial.ts";
import { ask, ProbeProcess } from "../support/runtime.ts";

const BUN = [process.execPath];
const WITHOUT_A_NETWORK = ["unshare", "--user", "--map-root-user", "--net"];
const isAllowed =
  Bun.which("unshare") !== null && Bun.spawnSync([...WITHOUT_A_NETWORK, "true"]).exitCode === 0;

// Once "nothing listens there (connect ECONNREFUSED 192.0.2.1:9)", and so of a host whose interface was down.
test.skipIf(!isAllowed).each([
  ["192.0.2.1", "ENETUNREACH"],
  ["[2001:db8::1]", "EADDRNOTAVAIL"],
])("that no way leads to %s is not told as if somebody there had refused", async (host, code) => {
  const apart = [...WITHOUT_A_NETWORK, ...BUN];
  const link = { url: `ws://${host}:9/`, headers: {}, proxy: null, certificateAuthorities: null };
  const address = host.replace(/[[\]]/g, "");
  const said = `(connect ${code} ${address}:9)`;
  expect((await ask(apart, "socket", link))["why"]).toBe(
    `no connection to ${host}:9: no way leads there ${said}`,
  );
  const byTcp = await ask(apart, "tcp", { host: address, port: 9, tls: null, text: "" });
  expect(byTcp).toMatchObject({ failed: code });
});

/** The connections that the system keeps for a server until it takes them; whoever knocks after that gets no answer. */
const FULL = 513;

// As where a firewall drops them. Once "no answer to the handshake", as if somebody had been asked.
test.skipIf(process.platform !== "linux")(
  "that packets vanish is told of an address, not of a handshake",
  async () => {
    await using server = new ProbeProcess(BUN, "small", { port: 0 });
    const { port } = await server.next();
    process.kill(server.pid, "SIGSTOP");
    const sockets = Array.from({ length: FULL }, () => connect({ host: "127.0.0.1", port: Number(port) }));
    try {
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      // Counted from its first byte on.
      await Promise.all(sockets.map((socket) => new Promise((sent) => socket.write("x", sent))));
      const link = { url: `ws://127.0.0.1:${port}/`, headers: {}, proxy: null, certificateAuthorities: null };
      const limits = { handshakeMs: 100, pongMs: 100, closeMs: 100 };
      expect(await tryLink(link, new AbortController().signal, limits)).toEqual({
        kind: "unreachable",
        why: `no connection to 127.0.0.1:${port} in 0.1 s: no answer comes from there, as when a firewall lets nothing through (connect ETIMEDOUT 127.0.0.1:${port})`,
      });
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
);
