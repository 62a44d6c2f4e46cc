# What `worker iam` prints for the same queue, held to it by a test.
locals {
  rights = {
    for name in keys(var.queues) : name => concat(
      [
        {
          Sid      = "ReceiveAndSettle"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
          Resource = [aws_sqs_queue.source[name].arn]
        },
        {
          Sid      = "SendDeadLetters"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
          Resource = [aws_sqs_queue.dead[name].arn]
        },
      ],
      local.key_rights,
    )
  }

  key_rights = [for arn in compact([var.kms_key_arn]) : {
    Sid       = "UseKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = [arn]
    Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.${data.aws_partition.here.dns_suffix}" } }
  }]

  protection_rights = {
    Sid      = "KeepBusyTasks"
    Effect   = "Allow"
    Action   = ["ecs:UpdateTaskProtection"]
    Resource = ["arn:${local.partition}:ecs:${local.region}:${local.account}:task/${local.cluster}/*"]
  }

  # As in AWS's own example of this role: conditions are documented for the role of the task only.
  start_may_assume = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "StartOfTasks", Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })

  tasks_may_assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TasksOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:ecs:${local.region}:${local.account}:*" }
      }
    }]
  })
}

# Policies to attach to what runs the worker elsewhere (EKS, EC2), to senders, and to whoever puts dead letters back.
resource "aws_iam_policy" "worker" {
  for_each = var.queues

  name   = "${var.name}-${local.stems[each.key]}-worker"
  policy = jsonencode({ Version = "2012-10-17", Statement = local.rights[each.key] })
  tags   = local.tags
}

resource "aws_iam_policy" "producer" {
  for_each = var.queues

  name = "${var.name}-${local.stems[each.key]}-producer"
  tags = local.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "Send", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.source[each.key].arn] },
        { Sid = "LookUpUrls", Effect = "Allow", Action = ["sqs:GetQueueUrl"], Resource = [aws_sqs_queue.source[each.key].arn] },
      ],
      local.key_rights,
    )
  })
}

resource "aws_iam_policy" "operator" {
  for_each = var.queues

  name = "${var.name}-${local.stems[each.key]}-operator"
  tags = local.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadDeadLetters"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
          Resource = [aws_sqs_queue.dead[each.key].arn]
        },
        {
          Sid      = "MoveDeadLetters"
          Effect   = "Allow"
          Action   = ["sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:CancelMessageMoveTask", "sqs:ListDeadLetterSourceQueues"]
          Resource = [aws_sqs_queue.dead[each.key].arn]
        },
        {
          Sid      = "PutBack"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
          Resource = [aws_sqs_queue.source[each.key].arn]
        },
        {
          Sid      = "LookUpUrls"
          Effect   = "Allow"
          Action   = ["sqs:GetQueueUrl"]
          Resource = [aws_sqs_queue.dead[each.key].arn, aws_sqs_queue.source[each.key].arn]
        },
      ],
      local.key_rights,
    )
  })
}

resource "aws_iam_role" "task" {
  for_each = local.workers

  name               = "${var.name}-${local.stems[each.key]}-task"
  assume_role_policy = local.tasks_may_assume
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "queue" {
  for_each = local.workers

  role       = aws_iam_role.task[each.key].name
  policy_arn = aws_iam_policy.worker[each.key].arn
}

resource "aws_iam_role_policy" "protection" {
  for_each = local.workers

  name   = "keep-busy-tasks"
  role   = aws_iam_role.task[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = [local.protection_rights] })
}

locals {
  extra_policies = merge([
    for name, worker in local.workers : { for n, arn in worker.policy_arns : "${name} ${n}" => { role = name, arn = arn } }
  ]...)
}

# What the handler itself asks of AWS.
resource "aws_iam_role_policy_attachment" "extra" {
  for_each = local.extra_policies

  role       = aws_iam_role.task[each.value.role].name
  policy_arn = each.value.arn
}

resource "aws_iam_role" "execution" {
  for_each = local.workers

  name               = "${var.name}-${local.stems[each.key]}-execution"
  assume_role_policy = local.start_may_assume
  tags               = local.tags
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.workers

  name = "start"
  role = aws_iam_role.execution[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "PullTheImage"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = ["arn:${local.partition}:ecr:${local.region}:${local.account}:repository/*"]
        },
        { Sid = "SignInToTheRegistry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
        {
          Sid      = "WriteTheLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.worker[each.key].arn}:log-stream:*"]
        },
      ],
      length(each.value.secrets) == 0 ? [] : [
        {
          Sid      = "ReadTheSecrets"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = sort(distinct(values(each.value.secrets)))
        },
      ],
    )
  })
}
