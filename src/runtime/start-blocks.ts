/** Written by scripts/profile-start.ts: which parts of the runtime only a start uses. */

/** The build of the runtime that it is true of, as its linker named it. */
export const BUILD_ID = "b5188e4f53b53f3a346614bd78ba53f2ff234402";

export const BLOCK_BYTES = 65536;

/** Numbers of blocks, counted from address 0; `A+N`: N of them, from A. */
export const START_BLOCKS =
  "46+2 255 257 264+2 271+3 277 279+2 288 326 329 356 361 378+2 419 487 546 562 569 576+3 597+6 605+4 616+4 629 633+3 642+2 647 650+2 668 684 695+3 701 706 722+2 736+2 767 777 803 813+2 822+3 828 837 850+7 860+8 872+3 898+3 915+6 936+15 958+2 963+3 1172 1175+2 1351 1354+2 1360 1386 1394+3 1424 1438+4 1450+3 1456+4 1464 1534+5 1575+8 1616 1637+3";
