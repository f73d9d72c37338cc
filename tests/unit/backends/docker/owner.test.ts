import { expect, test } from "bun:test";
import {
  describeSelf,
  guessOwnContainer,
  readOwner,
  writeOwner,
} from "../../../../src/backends/docker/ownership/owner.ts";

const ID = "be7c20d7a6684160d3878e083f74505940602700bea6d29bcad2daef827ecf40";

/** Lines of /proc/self/mountinfo, as each engine makes them. */
const MOUNTS = {
  Docker: `612 593 8:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw`,
  podman: `90 77 0:24 /containers/overlay-containers/${ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw`,
  "podman without overlayfs": `90 77 254:0 /run/vfs-containers/${ID}/userdata/hostname /etc/hostname rw - ext4 /dev/vda rw`,
};

test.each(Object.entries(MOUNTS))("a process in a container of %s finds its id", (_engine, line) => {
  expect(guessOwnContainer(`24 30 0:22 / /proc rw - proc proc rw\n${line}\n`)).toBe(ID);
});

test("a process on a host finds none, whatever is mounted there", () => {
  const overlay = `77 49 0:50 / /var/lib/docker/overlay2/${ID}/merged rw - overlay overlay rw`;
  const cgroup = `92 91 0:29 /libpod_parent/libpod-${ID} /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu`;
  expect(guessOwnContainer(`${overlay}\n${cgroup}\n`)).toBe("");
});

// A worker on a host was taken for dead, and its tasks were run on by another as well, once a container of somebody
// else's had ended: podman has the memory of each that runs mounted on the host, in a folder that is named for it.
const OTHERS = [
  `70 45 0:43 / /var/lib/containers/storage/overlay-containers/${"0".repeat(64)}/userdata/shm rw - tmpfs shm rw`,
  `71 45 0:44 / /var/lib/docker/containers/${"1".repeat(64)}/mounts/shm rw - tmpfs shm rw`,
].join("\n");

test("a process on a host is in none of the containers whose mounts it sees", () => {
  expect(guessOwnContainer(OTHERS)).toBe("");
});

test("a process in a container that sees the host's mounts finds its own all the same", () => {
  expect(guessOwnContainer(`${OTHERS}\n${MOUNTS.podman}\n`)).toBe(ID);
});

test("an owner is read from labels as it was written, and from those of nobody of ours not at all", () => {
  const self = describeSelf("me", "");
  expect(readOwner("me", writeOwner(self))).toEqual(self);
  for (const label of [undefined, "", "{", "null", "7", '"pid"']) expect(readOwner("me", label)).toBeNull();
  expect(readOwner(undefined, writeOwner(self))).toBeNull();
});
