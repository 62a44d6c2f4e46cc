data "aws_region" "here" {}

data "aws_caller_identity" "me" {}

data "aws_partition" "here" {}

locals {
  region    = data.aws_region.here.name
  account   = data.aws_caller_identity.me.account_id
  partition = data.aws_partition.here.partition

  # The words of a queue without what FIFO adds to the end of its name.
  stems   = { for name in keys(var.queues) : name => trimsuffix(name, ".fifo") }
  fifo    = { for name in keys(var.queues) : name => endswith(name, ".fifo") }
  letters = { for name, stem in local.stems : name => local.fifo[name] ? "${stem}-dead.fifo" : "${stem}-dead" }
  workers = { for name, queue in var.queues : name => queue.worker if queue.worker != null }

  own_cluster = var.cluster == "" && length(local.workers) > 0
  cluster     = local.own_cluster ? aws_ecs_cluster.workers[0].name : var.cluster

  tags = merge({ app = "sqs-worker-daemon" }, var.tags)
}
