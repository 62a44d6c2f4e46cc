# The dead-letter queue comes first: the queue's redrive policy names it.
resource "aws_sqs_queue" "dead" {
  for_each = var.queues

  name                              = local.letters[each.key]
  fifo_queue                        = local.fifo[each.key]
  message_retention_seconds         = 1209600
  sqs_managed_sse_enabled           = var.kms_key_arn == "" ? true : null
  kms_master_key_id                 = var.kms_key_arn == "" ? null : var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == "" ? null : 3600
  tags                              = local.tags
}

resource "aws_sqs_queue" "source" {
  for_each = var.queues

  name                              = each.key
  fifo_queue                        = local.fifo[each.key]
  content_based_deduplication       = local.fifo[each.key] ? each.value.content_based_deduplication : null
  visibility_timeout_seconds        = each.value.visibility_seconds
  message_retention_seconds         = each.value.retention_seconds
  receive_wait_time_seconds         = 20
  sqs_managed_sse_enabled           = var.kms_key_arn == "" ? true : null
  kms_master_key_id                 = var.kms_key_arn == "" ? null : var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == "" ? null : 3600
  tags                              = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = var.queues

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.source[each.key].arn]
  })
}

locals {
  every_queue = merge(
    { for name, queue in aws_sqs_queue.source : "source ${name}" => { url = queue.id, arn = queue.arn } },
    { for name, queue in aws_sqs_queue.dead : "dead ${name}" => { url = queue.id, arn = queue.arn } },
  )
}

resource "aws_sqs_queue_policy" "tls" {
  for_each = toset([for pair in setproduct(["source", "dead"], keys(var.queues)) : join(" ", pair)])

  queue_url = local.every_queue[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "NothingWithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = local.every_queue[each.key].arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
