/** Whether there is room for one more task: on a full disk each would be claimed, and fail at once. */
import { statfsSync } from "node:fs";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { lookAtFolder } from "./makeable-folder.ts";

const MIB = 1024 ** 2;

export interface RoomOptions {
  /** In which, or below which, tasks work. */
  readonly dir: string;
  /** 0: whatever there is is enough. */
  readonly minFreeBytes: number;
  /** By which the operator says so. */
  readonly setting: string;
  readonly log: Logger;
}

export class Room {
  private readonly options: RoomOptions;
  private isShort = false;

  constructor(options: RoomOptions) {
    this.options = options;
  }

  /** True also where nobody can tell: the task then says what is wrong. */
  isEnough(): boolean {
    const { minFreeBytes } = this.options;
    if (minFreeBytes === 0) return true;
    const free = this.freeBytes();
    const isShort = free !== null && free < minFreeBytes;
    if (isShort !== this.isShort) this.say(isShort, free ?? 0);
    this.isShort = isShort;
    return !isShort;
  }

  private freeBytes(): number | null {
    const { dir, log } = this.options;
    try {
      const { bavail, bsize } = statfsSync(lookAtFolder(dir).nearest);
      return bavail * bsize;
    } catch (error) {
      log.debug("free disk space cannot be told", { dir, error: wordsOf(error) });
      return null;
    }
  }

  private say(isShort: boolean, freeBytes: number): void {
    const { dir, minFreeBytes, setting, log } = this.options;
    const fields = { dir, freeMb: Math.floor(freeBytes / MIB), minFreeMb: Math.ceil(minFreeBytes / MIB) };
    if (!isShort) log.info("enough free disk space again: tasks are taken", fields);
    else {
      const hint = `make room, or lower ${setting}`;
      log.warn("not enough free disk space: tasks are turned down until there is", { ...fields, hint });
    }
  }
}
