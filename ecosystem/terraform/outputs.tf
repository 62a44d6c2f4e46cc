output "queue_urls" {
  description = "SQS_QUEUE_URL, by queue."
  value       = { for name, queue in aws_sqs_queue.source : name => queue.id }
}

output "dead_letter_queue_urls" {
  description = "SQS_DLQ_URL, by queue."
  value       = { for name, queue in aws_sqs_queue.dead : name => queue.id }
}

output "policy_arns" {
  description = "Policies to attach, by queue: of a worker, a sender, and whoever puts dead letters back."
  value = { for name in keys(var.queues) : name => {
    worker   = aws_iam_policy.worker[name].arn
    producer = aws_iam_policy.producer[name].arn
    operator = aws_iam_policy.operator[name].arn
  } }
}

output "services" {
  description = "Cluster and ECS service, by queue that has a worker."
  value       = { for name in keys(local.workers) : name => { cluster = local.cluster, service = aws_ecs_service.worker[name].name } }
}
