/**
 * Which process made a container, told so that another worker can prove later whether it is dead.
 * Several daemons may share a worker id on one engine, and none may touch a living one's tasks.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { readBootId, readProcess } from "../../../process/process-table.ts";

export interface Owner {
  readonly instanceId: string;
  /** The host, across its restarts; empty where it has no identity. */
  readonly machineId: string;
  readonly bootId: string;
  /** Pids mean something within one of these only. */
  readonly pidNamespace: string;
  readonly pid: number;
  readonly startedAt: string;
  /** The container of this same engine that the worker runs in; empty: none. */
  readonly containerId: string;
}

/** `containerId`: what the engine knows this process's container as; empty: it runs in none of its. */
export function describeSelf(instanceId: string, containerId: string): Owner {
  return {
    instanceId,
    machineId: readLine("/etc/machine-id"),
    bootId: readBootId(),
    pidNamespace: readPidNamespace(),
    pid: process.pid,
    startedAt: readProcess(process.pid)?.startedAt ?? "",
    containerId,
  };
}

/** A label's value. */
export function writeOwner({ instanceId: _, ...rest }: Owner): string {
  return JSON.stringify(rest);
}

/** Null when the labels are not those of a worker of ours. */
export function readOwner(instanceId: string | undefined, label: string | undefined): Owner | null {
  if (instanceId === undefined || label === undefined) return null;
  try {
    const value: unknown = JSON.parse(label);
    if (typeof value !== "object" || value === null) return null;
    const text = (name: string) => String(Reflect.get(value, name) ?? "");
    return {
      instanceId,
      machineId: text("machineId"),
      bootId: text("bootId"),
      pidNamespace: text("pidNamespace"),
      pid: Number(Reflect.get(value, "pid")),
      startedAt: text("startedAt"),
      containerId: text("containerId"),
    };
  } catch {
    return null;
  }
}

/**
 * What is mounted over a file of a container's /etc, in /proc/self/mountinfo: ID PARENT DEVICE WHAT WHERE. Docker's
 * folder is containers/ID, podman's overlay-containers/ID, or named for another way of storing.
 */
const OWN_FILE =
  /^(?:\S+ ){3}\S*[/-]containers\/([0-9a-f]{64})\/\S+ \/etc\/(?:hostname|hosts|resolv\.conf) /m;

/**
 * The container that this process may be in, for the engine to confirm; engines mount files of a
 * container's own folder, which is named for it, over its /etc/hostname. Empty: none is named. A host has mounts
 * within such folders, of containers that it is not in: podman's /dev/shm of each that runs.
 */
export function guessOwnContainer(mounts = readText("/proc/self/mountinfo")): string {
  return OWN_FILE.exec(mounts)?.[1] ?? "";
}

function readPidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

function readLine(file: string): string {
  return readText(file).trim();
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
