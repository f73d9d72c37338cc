import { describe, expect, test } from "bun:test";
import { Bell } from "../../../src/dev/bell.ts";
import { ControlPlane } from "../../../src/dev/control-plane.ts";
import { LinkRig } from "./link-rig.ts";
import { RawPeer } from "./raw-peer.ts";

function recorder() {
  const told: string[] = [];
  const bell = new Bell();
  const tell = (what: string) => {
    told.push(what);
    bell.ring();
  };
  return {
    told,
    observer: { up: () => tell("up"), down: () => tell("down"), reconnecting: (why: string) => tell(why) },
    until: (count: number) =>
      bell.until(
        () => (told.length >= count ? told : undefined),
        () => `${count} words`,
      ),
  };
}

describe("whoever watches the link", () => {
  test("is told of a connection that ends, why another is made, and when it is there", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    const { told, observer, until } = recorder();
    await using rig = LinkRig.to(plane, { observer });
    await rig.untilConnected();
    expect(rig.link.status).toMatchObject({ state: "connected", reconnects: 0 });
    plane.faults.drop();
    await until(4);
    expect(told.slice(0, 4)).toEqual(["up", "down", "remote_close", "up"]);
    expect(rig.link.status).toMatchObject({ state: "connected", reconnects: 1 });
  });

  test("is told of each attempt that fails, and of no end of what never was", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    plane.faults.refuse(503);
    const { told, observer, until } = recorder();
    await using rig = LinkRig.to(plane, { observer });
    await until(3);
    expect(new Set(told)).toEqual(new Set(["dial_failed"]));
    expect(["waiting", "connecting"]).toContain(rig.link.status.state);
  });

  test("sees it wait for the answer to a second attempt", async () => {
    await using peer = await RawPeer.start({ answer: "" });
    await using rig = new LinkRig(peer);
    await peer.untilRequests(1);
    peer.drop();
    await peer.untilRequests(2);
    expect(rig.link.status).toMatchObject({ state: "connecting", reconnects: 1 });
  });

  test("sees when the last pong came, and that it is over", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    const rig = LinkRig.to(plane);
    await rig.untilConnected();
    expect(rig.link.status.lastPongAt).toBeNull();
    await rig.untilDelivered(rig.owe("t"));
    expect(Date.now() - (rig.link.status.lastPongAt ?? 0)).toBeLessThan(10_000);
    await rig[Symbol.asyncDispose]();
    expect(rig.link.status.state).toBe("closed");
  });
});
