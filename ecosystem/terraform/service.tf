resource "aws_ecs_cluster" "workers" {
  count = local.own_cluster ? 1 : 0

  name = var.name
  tags = local.tags

  # Without it there is no RunningTaskCount, and nothing to divide the backlog by.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "workers" {
  count = local.own_cluster ? 1 : 0

  cluster_name       = aws_ecs_cluster.workers[0].name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_cloudwatch_log_group" "worker" {
  for_each = local.workers

  name              = "/ecs/${var.name}-${local.stems[each.key]}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}

locals {
  environment = {
    for name, worker in local.workers : name => merge(
      {
        SQS_QUEUE_URL        = aws_sqs_queue.source[name].id
        SQS_DLQ_URL          = aws_sqs_queue.dead[name].id
        AWS_REGION           = local.region
        WORKER_DRAIN_SECONDS = tostring(worker.drain_seconds)
      },
      worker.handler == null ? {} : { SINK = "handler", HANDLER = worker.handler },
      worker.concurrency == null ? {} : { WORKER_CONCURRENCY = tostring(worker.concurrency) },
      worker.handler_seconds == null ? {} : { HANDLER_TIMEOUT_SECONDS = tostring(worker.handler_seconds) },
      worker.environment,
    )
  }
}

resource "aws_ecs_task_definition" "worker" {
  for_each = local.workers

  family                   = "${var.name}-${local.stems[each.key]}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.task[each.key].arn
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  tags                     = local.tags

  runtime_platform {
    cpu_architecture        = var.architecture
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name                   = "worker"
    image                  = coalesce(each.value.image, var.image)
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    # The most that Fargate allows; the worker itself is done after WORKER_DRAIN_SECONDS.
    stopTimeout  = 120
    environment  = [for key in sort(keys(local.environment[each.key])) : { name = key, value = local.environment[each.key][key] }]
    secrets      = [for key in sort(keys(each.value.secrets)) : { name = key, valueFrom = each.value.secrets[key] }]
    portMappings = [{ containerPort = 9100, protocol = "tcp" }]
    ulimits      = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
    healthCheck = {
      command     = ["CMD", "worker", "health"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.worker[each.key].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "worker"
        mode                  = "non-blocking"
        max-buffer-size       = "8m"
      }
    }
  }])
}

resource "aws_ecs_service" "worker" {
  for_each = local.workers

  name            = "${var.name}-${local.stems[each.key]}"
  cluster         = local.cluster
  task_definition = aws_ecs_task_definition.worker[each.key].arn
  desired_count   = each.value.min_tasks

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  propagate_tags                     = "SERVICE"
  availability_zone_rebalancing      = "ENABLED"
  tags                               = local.tags

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.spot_weight > 0 ? 1 : 0
    weight            = 1
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.spot_weight > 0 ? [var.spot_weight] : []

    content {
      capacity_provider = "FARGATE_SPOT"
      weight            = capacity_provider_strategy.value
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = false
  }

  # The autoscaler owns it.
  lifecycle {
    ignore_changes = [desired_count]
  }

  # A task that starts before its rights do is refused by SQS and ends.
  depends_on = [
    aws_ecs_cluster_capacity_providers.workers,
    aws_iam_role_policy.execution,
    aws_iam_role_policy.protection,
    aws_iam_role_policy_attachment.queue,
  ]
}
