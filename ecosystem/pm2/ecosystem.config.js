// Workers under PM2: `WORKERS=15 SQS_QUEUE_URL=… pm2 start ecosystem.config.js`. How to run them: docs/deploy/pm2.md.
//
// Every setting of docs/settings.md may be given in the environment of the shell; `pm2 reload ecosystem.config.js` gives
// it anew. PM2 by itself would do so at the start alone.
const path = require("node:path");

const drainSeconds = Number(process.env.WORKER_DRAIN_SECONDS || 25);
// The worker of the virtual environment that is active, else the one on the PATH.
const worker = process.env.VIRTUAL_ENV ? path.join(process.env.VIRTUAL_ENV, "bin", "worker") : "worker";
const { WORKER_ID, ...settings } = process.env; // each has an id of its own

module.exports = {
  apps: [
    {
      name: "sqs-worker",
      // Each has a name and a port of its own: WORKER_ID 0, 1, 2, … and METRICS_PORT 9100, 9101, 9102, … The shell adds
      // the two and becomes the worker; PM2's own `increment_var` gives all the first port again at a reload.
      script: "/bin/sh",
      args: ["-c", 'METRICS_PORT=$((METRICS_PORT + WORKER_ID)) exec "$0" run', worker],
      instances: Number(process.env.WORKERS || 15),
      instance_var: "WORKER_ID",
      // PM2 shall neither interpret it nor make a cluster of it, which only Node can be.
      interpreter: "none",
      exec_mode: "fork",
      env: {
        ...settings,
        METRICS_PORT: Number(process.env.METRICS_PORT || 9100),
        WORKER_DRAIN_SECONDS: drainSeconds,
        LOG_FORMAT: process.env.LOG_FORMAT || "json",
      },

      // SIGINT drains. PM2's own 1.6 s would kill a worker in the middle of it.
      kill_timeout: (drainSeconds + 10) * 1000,
      // The worker alone is told to stop: what a handler has started is its own to end.
      treekill: false,

      // Its memory is bounded by what may be in flight; above this something leaks, and a drained restart is the cure.
      max_memory_restart: "1G",

      // A crash is followed by a restart after 1 s, then 1.5 s … 15 s. What no restart mends is left stopped for
      // people: 2, the settings cannot work; 3, AWS or the sink refused it.
      autorestart: true,
      exp_backoff_restart_delay: 1000,
      stop_exit_codes: [2, 3],

      // One file for all: every line names its worker and its time.
      merge_logs: true,
      time: false,
    },
  ],
};
