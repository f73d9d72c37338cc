/**
 * A write in which another thread waits, for as long as it takes. A socket cannot be opened anew by its
 * name, and told not to wait it would fail its other writers, too.
 */
import { write } from "node:fs";

/** How many bytes were written. Rejects with the system's error. */
export function writeAside(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}
