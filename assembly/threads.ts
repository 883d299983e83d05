/**
 * Tasks shared out between threads over one block of memory:
 *   0  tickets   i64: generation (high word), tasks not yet taken (low word)
 *   8  finished  i32
 *  12  tasks     i32
 *  16  kernel    i32
 *  20  scratch   address
 *  24  bytes of scratch of one thread
 *  28  not 0: a thread died, its task will never be finished
 *  32  the kernel's arguments
 * A thread takes a task by counting the tickets down; the generation in the same word keeps a thread that wakes late from
 * taking a task of a later job under the arguments of an earlier one. Which thread runs a task changes no digit.
 */
import { runTask } from "./kernels";

const FINISHED: usize = 8;
const DIED: usize = 28;
/** A second, in ns: nobody waits for longer without looking who is alive. */
const PATIENCE: i64 = 1_000_000_000;

function takeTasks(job: usize, thread: i32): void {
  for (;;) {
    const ticket = atomic.load<i64>(job);
    if (<i32>ticket == 0) return;
    if (atomic.cmpxchg<i64>(job, ticket, ticket - 1) != ticket) continue;
    const scratch = load<usize>(job, 20) + <usize>thread * load<usize>(job, 24);
    runTask(load<i32>(job, 16), job + 32, <i32>ticket - 1, scratch);
    if (atomic.add<i32>(job + FINISHED, 1) + 1 == load<i32>(job, 12)) atomic.notify(job + FINISHED, 1);
  }
}

/** Runs a job whose words 16 and up are set; returns when all of its tasks are done, or when a thread has died. */
export function runJob(job: usize, tasks: i32): void {
  store<i32>(job, tasks, 12);
  atomic.store<i32>(job + FINISHED, 0);
  const generation = load<i32>(job, 4) + 1;
  atomic.store<i64>(job, (<i64>generation << 32) | <i64>tasks);
  if (tasks > 1) atomic.notify(job + 4, -1);
  takeTasks(job, 0);
  for (;;) {
    const finished = atomic.load<i32>(job + FINISHED);
    if (finished == tasks || atomic.load<i32>(job + DIED) != 0) return;
    atomic.wait<i32>(job + FINISHED, finished, PATIENCE);
  }
}

/** A helper thread's life: takes tasks, and sleeps while there are none. */
export function serve(job: usize, thread: i32): void {
  for (;;) {
    const generation = atomic.load<i32>(job + 4);
    takeTasks(job, thread);
    atomic.wait<i32>(job + 4, generation, -1);
  }
}
