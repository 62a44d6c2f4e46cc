# What the words of an alarm say is what to do at 3 a.m.
locals {
  simple_alarms = merge([
    for name, queue in var.queues : {
      "${name} deep" = {
        queue     = aws_sqs_queue.source[name].name
        metric    = "ApproximateNumberOfMessagesVisible"
        threshold = queue.alarms.deep
        minutes   = 5
        more      = false
        words     = "Too many messages wait. If the sink is the bottleneck (`bottleneck` in a worker's /status) more workers do not help; else raise max_tasks."
      }
      "${name} very-deep" = {
        queue     = aws_sqs_queue.source[name].name
        metric    = "ApproximateNumberOfMessagesVisible"
        threshold = queue.alarms.very_deep
        minutes   = 3
        more      = true
        words     = "Far too many messages wait: five more tasks are started each minute, up to max_tasks. `worker scaling` computes how many it takes."
      }
      "${name} late" = {
        queue     = aws_sqs_queue.source[name].name
        metric    = "ApproximateAgeOfOldestMessage"
        threshold = queue.alarms.late
        minutes   = 5
        more      = false
        words     = "The oldest message waits too long. Look whether workers run and receive (/readyz), and what holds them up (`bottleneck` in /status)."
      }
      "${name} very-late" = {
        queue     = aws_sqs_queue.source[name].name
        metric    = "ApproximateAgeOfOldestMessage"
        threshold = queue.alarms.very_late
        minutes   = 3
        more      = true
        words     = "The oldest message waits far too long: five more tasks are started each minute, up to max_tasks. Look at the sink before you raise that."
      }
      "${name} nearly-lost" = {
        queue     = aws_sqs_queue.source[name].name
        metric    = "ApproximateAgeOfOldestMessage"
        threshold = queue.retention_seconds / 2
        minutes   = 3
        more      = false
        words     = "The oldest message has waited for half the time after which SQS deletes it for good. Raise retention_seconds now (14 days is the most), then find out why it is not handled."
      }
      "${name} dead-letters" = {
        queue     = aws_sqs_queue.dead[name].name
        metric    = "ApproximateNumberOfMessagesVisible"
        threshold = 0
        minutes   = 1
        more      = false
        words     = "A message was tried as often as the queue allows, or can never be handled. Its attribute DeadLetter says why, where the worker sent it. Mend that, then put it back by a move task."
      }
      "${name} in-flight" = {
        queue     = aws_sqs_queue.source[name].name
        metric    = "ApproximateNumberOfMessagesNotVisible"
        threshold = 96000
        minutes   = 3
        more      = false
        words     = "Four fifths of the 120,000 messages that SQS lets be in flight: at the limit nothing can be received. Lower IN_FLIGHT_MAX_MESSAGES, or run fewer workers."
      }
    }
  ]...)

  # Which policy is told when there are workers: the alarms that ask for more tasks.
  more_tasks = { for name in keys(local.workers) : name => aws_appautoscaling_policy.step["${name} more"].arn }
}

resource "aws_cloudwatch_metric_alarm" "simple" {
  for_each = local.simple_alarms

  alarm_name          = "${var.name}-${replace(replace(each.key, ".fifo", ""), " ", "-")}"
  alarm_description   = each.value.words
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions = concat(
    var.alarm_topic_arns,
    each.value.more ? [for name, arn in local.more_tasks : arn if name == split(" ", each.key)[0]] : [],
  )
  ok_actions = var.alarm_topic_arns
  tags       = local.tags
}

resource "aws_cloudwatch_metric_alarm" "stalled" {
  for_each = var.queues

  alarm_name          = "${var.name}-${local.stems[each.key]}-stalled"
  alarm_description   = "Messages wait, and for 15 minutes none was deleted. No worker runs, none may receive, or the sink is away: look at /readyz and at the log."
  evaluation_periods  = 15
  datapoints_to_alarm = 15
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = local.tags

  metric_query {
    id = "visible"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.source[each.key].name }
      period      = 60
      stat        = "Minimum"
    }
  }

  metric_query {
    id = "deleted"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesDeleted"
      dimensions  = { QueueName = aws_sqs_queue.source[each.key].name }
      period      = 60
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "result"
    expression  = "IF(visible > 0, IF(FILL(deleted, 0) < 1, 1, 0), 0)"
    label       = "waiting, and nothing deleted"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "of_tasks" {
  for_each = { for pair in setproduct(keys(local.workers), ["wake", "at-maximum"]) : join(" ", pair) => {
    queue   = pair[0]
    wake    = pair[1] == "wake"
    minutes = pair[1] == "wake" ? 1 : 60
  } }

  alarm_name          = "${var.name}-${replace(replace(each.key, ".fifo", ""), " ", "-")}"
  alarm_description   = each.value.wake ? "Messages wait and no task runs: the first one is started." : "The most tasks that may run have run for an hour, and messages still wait. Raise max_tasks if the sink has room (`bottleneck` in /status), else the sink."
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = each.value.wake ? [aws_appautoscaling_policy.step["${each.value.queue} first"].arn] : var.alarm_topic_arns
  tags                = local.tags

  metric_query {
    id = "visible"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.source[each.value.queue].name }
      period      = 60
      stat        = "Maximum"
    }
  }

  metric_query {
    id = "tasks"

    metric {
      namespace   = "ECS/ContainerInsights"
      metric_name = "RunningTaskCount"
      dimensions  = { ClusterName = local.cluster, ServiceName = aws_ecs_service.worker[each.value.queue].name }
      period      = 60
      stat        = "Average"
    }
  }

  metric_query {
    id          = "result"
    label       = each.value.wake ? "waiting, and no task" : "waiting, with the most tasks"
    return_data = true
    expression = each.value.wake ? (
      "IF(visible > 0, IF(FILL(tasks, 0) < 1, 1, 0), 0)"
      ) : (
      "IF(FILL(tasks, 0) >= ${local.workers[each.value.queue].max_tasks}, visible, 0)"
    )
  }
}
