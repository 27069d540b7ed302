/**
 * The thread that knows what everybody else chose: it loads the list, answers and is gone, since the list takes 35 ms and
 * several MB, and a password is chosen once in a long while.
 */

import { parentPort, workerData } from "node:worker_threads"
import { dictionary } from "@zxcvbn-ts/language-common"

parentPort?.postMessage(dictionary["passwords-common"].includes(String(workerData)))
