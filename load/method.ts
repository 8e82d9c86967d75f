import type { Section } from './report/report.ts'

/** The end of every report: what its figures mean. */
export const method: Section = {
  title: 'Method',
  notes: [
    'Closed loop: each connection sends its next step as soon as the last one is answered. It tells capacity; its latencies are not those of clients that have a schedule, because a server that stops also stops what would come. Small steps are driven by autocannon.',
    'Open loop: each session has a schedule of its own at a fixed rate. A step that is due while the one before is under way is sent when that is answered, and its latency counts from when it was due: what a stall holds up is counted for every step that it delays. Steps that are sent within 2 ms of their time, the resolution of timers, count from when they were sent, so that the generator does not add to the median.',
    'This is measured by our own generator. autocannon has rates too, but sends a second’s worth of each connection in a row and then waits for the next second; and it corrects for coordinated omission with an expected interval of 1 ms whatever the rate is, in whole milliseconds.',
    '“Late” is how long a step waited for the generator alone, “busy” the part of the time in which the generator’s event loop had work: above some 90 % a figure is of the generator.',
    'Figures in the budget are ratios within one run, or counts: absolute times are of this machine.',
  ],
  tables: [],
  plots: [],
}
