resource "aws_appautoscaling_target" "tasks" {
  for_each = local.workers

  service_namespace  = "ecs"
  resource_id        = "service/${local.cluster}/${aws_ecs_service.worker[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = each.value.min_tasks
  max_capacity       = each.value.max_tasks
}

resource "aws_appautoscaling_policy" "backlog_per_task" {
  for_each = local.workers

  name               = "${var.name}-${local.stems[each.key]}-backlog-per-task"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.tasks[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.tasks[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.tasks[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.messages_per_task
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "visible"
        label       = "messages that wait"
        return_data = false

        metric_stat {
          stat = "Maximum"

          metric {
            namespace   = "AWS/SQS"
            metric_name = "ApproximateNumberOfMessagesVisible"

            dimensions {
              name  = "QueueName"
              value = aws_sqs_queue.source[each.key].name
            }
          }
        }
      }

      metrics {
        id          = "tasks"
        label       = "tasks that run"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"

            dimensions {
              name  = "ClusterName"
              value = local.cluster
            }

            dimensions {
              name  = "ServiceName"
              value = aws_ecs_service.worker[each.key].name
            }
          }
        }
      }

      metrics {
        id          = "backlog"
        label       = "messages a task"
        expression  = "visible / IF(FILL(tasks, 0) > 0, tasks, 1)"
        return_data = true
      }
    }
  }
}

locals {
  steps = { for pair in setproduct(keys(local.workers), ["first", "more"]) : join(" ", pair) => {
    queue = pair[0]
    kind  = pair[1]
    tasks = pair[1] == "first" ? 1 : 5
  } }
}

# Target tracking multiplies the number of tasks, so somebody else has to start the first one; and five more at a time
# where the queue is far too deep or late.
resource "aws_appautoscaling_policy" "step" {
  for_each = local.steps

  name               = "${var.name}-${local.stems[each.value.queue]}-${each.value.kind}-tasks"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.tasks[each.value.queue].service_namespace
  resource_id        = aws_appautoscaling_target.tasks[each.value.queue].resource_id
  scalable_dimension = aws_appautoscaling_target.tasks[each.value.queue].scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 60

    step_adjustment {
      metric_interval_lower_bound = 0
      scaling_adjustment          = each.value.tasks
    }
  }
}
