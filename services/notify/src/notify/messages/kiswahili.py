"""The customers' texts in Kiswahili, by the name of the template that says the same in English. Pure.

A module of its own: whoever mends a translation needs to read nothing else. The facts are the same.
"""

SUFFIX = "_sw"

TEXTS = {
    "customer_connected": (
        "Malipo ya KES {amount} yamepokelewa ({trans_id}). Intaneti yako imewashwa hadi {due_date}. Asante."
    ),
    "customer_waiting": (
        "KES {amount} zimepokelewa ({trans_id}), umelipia hadi {due_date}. Kituo chako hakipatikani kwa sasa. "
        "Utaunganishwa tena moja kwa moja."
    ),
    "customer_reconnected": "Intaneti yako imewashwa tena, hadi {due_date} ({trans_id}). Asante kwa kusubiri.",
    "customer_unassigned_line": (
        "Malipo ya KES {amount} yamepokelewa ({trans_id}), umelipia hadi {due_date}. Mtoa huduma wako atakuunganisha."
    ),
    "customer_kept_off": (
        "Malipo ya KES {amount} yamepokelewa ({trans_id}), umelipia hadi {due_date}. Mtoa huduma wako amezima laini "
        "yako: tafadhali mpigie."
    ),
    "customer_partial": (
        "KES {amount} zimepokelewa ({trans_id}). Kifurushi chako ni KES {package}: bado KES {missing}, "
        "hivyo hakijaongezwa. Tafadhali mpigie mtoa huduma wako."
    ),
    "customer_kept": (
        "KES {amount} zimepokelewa ({trans_id}) na zimewekwa kwa ajili yako. Kifurushi chako ni KES {package}: "
        "lipa KES {missing} zaidi ili kiongezwe."
    ),
    "customer_partial_digest": (
        "Malipo mengine {count} kati ya {since} na {until}: jumla KES {amount}. Kila moja ni chini ya kifurushi, "
        "hivyo hakijaongezwa. Mpigie mtoa huduma wako."
    ),
    "customer_expired": (
        "Hatukuweza kukuunganisha tena katika muda uliolipia ({trans_id}). Tafadhali mpigie mtoa huduma wako."
    ),
    "customer_reminder": (
        "Intaneti yako imelipiwa hadi {due_date}. Ili usikatiwe, lipa KES {amount} kwa paybill {paybill}, "
        "akaunti {account}."
    ),
    "customer_overdue": (
        "Intaneti yako ililipiwa hadi {due_date}. Tafadhali lipa KES {amount} kwa paybill {paybill}, akaunti {account}."
    ),
    "customer_renewed": (
        "Kifurushi chako kimeongezwa kwa KES {amount} zilizowekwa kwa ajili yako: umelipia hadi {due_date}. "
        "Zimebaki KES {credit}."
    ),
    "customer_switched_off": (
        "Intaneti yako imezimwa: ililipiwa hadi {due_date}. Lipa KES {amount} kwa paybill {paybill}, "
        "akaunti {account}, ili uunganishwe tena."
    ),
}
